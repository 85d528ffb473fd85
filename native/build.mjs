// Builds the addon with plain CMake: `node native/build.mjs [--test] [--double] [--bench NAME] [--sanitize address|thread]`.
// --double: also the double of NVIDIA's libraries (native/double/double.h), into native/build/double.
// Quick when nothing changed, silent but for one line, and plain about a tool that is missing.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const SOURCE = fileURLToPath(new URL('.', import.meta.url)).replace(/\/$/, '');
const FOLDERS = { none: 'build', address: 'build-asan', thread: 'build-tsan' };

class BuildError extends Error {}

function run(command, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (error?.code === 'ENOENT') {
    throw new BuildError(`native: "${command}" was not found. Install CMake 3.20 or later and a C++17 compiler `
      + '(Debian: apt-get install cmake g++ make; macOS: xcode-select --install, brew install cmake).');
  }
  if (error) throw error;
  return { ok: status === 0, text: `${stdout ?? ''}${stderr ?? ''}` };
}

/** A folder configured from another path (a moved checkout) cannot be reused: CMake refuses it. */
function isConfigured(folder) {
  const cache = join(folder, 'CMakeCache.txt');
  if (!existsSync(cache) || !existsSync(join(folder, 'CMakeFiles', 'cmake.check_cache'))) return false;
  return readFileSync(cache, 'utf8').includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${SOURCE}\n`);
}

function configure(folder, sanitize) {
  if (isConfigured(folder)) return;
  rmSync(folder, { recursive: true, force: true });
  const result = run('cmake', ['-S', SOURCE, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', `-DPILOTLIGHT_SANITIZE=${sanitize ?? ''}`]);
  if (result.ok) return;
  rmSync(folder, { recursive: true, force: true });
  const reason = /CMAKE_CXX_COMPILER|CMAKE_MAKE_PROGRAM/.test(result.text)
    ? 'CMake found no C++17 compiler or no make. Install them (Debian: apt-get install g++ make; macOS: xcode-select --install).'
    : 'CMake could not configure the build.';
  throw new BuildError(`${result.text}\nnative: ${reason}`);
}

function build(folder, target) {
  const jobs = String(Math.min(8, availableParallelism()));
  const result = run('cmake', ['--build', folder, '--parallel', jobs, ...(target ? ['--target', target] : [])]);
  if (!result.ok) throw new BuildError(`${result.text}\nnative: the build failed; the compiler's text stands above.`);
  return /Building|Linking/.test(result.text);
}

function parseOptions() {
  let values;
  try {
    ({ values } = parseArgs({ options: { sanitize: { type: 'string' }, test: { type: 'boolean' }, double: { type: 'boolean' }, bench: { type: 'string' } } }));
  } catch (error) {
    throw new BuildError(`native: ${error.message}\nusage: node native/build.mjs [--test] [--double] [--bench NAME] [--sanitize address|thread]`);
  }
  if (values.sanitize !== undefined && values.sanitize !== 'address' && values.sanitize !== 'thread') {
    throw new BuildError(`native: --sanitize ${values.sanitize}: expected address or thread`);
  }
  return values;
}

function main() {
  const started = performance.now();
  const { sanitize, test, bench, double } = parseOptions();
  const folder = join(SOURCE, FOLDERS[sanitize ?? 'none']);
  if (!existsSync(join(SOURCE, '..', 'node_modules', 'node-addon-api'))) {
    throw new BuildError('native: node_modules/node-addon-api is missing. Run `npm ci` first.');
  }
  configure(folder, sanitize);
  // A sanitized addon would need a sanitized node: there, only the tests are built.
  const built = [sanitize === undefined && build(folder), double && build(folder, 'double'), test && build(folder, 'tests'), bench && build(folder, `bench_${bench}`)].includes(true);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(built ? `native: built ${folder} in ${seconds} s` : `native: ${folder} is up to date`);
  if (test && !run('ctest', ['--test-dir', folder, '--output-on-failure'], { stdio: 'inherit' }).ok) process.exitCode = 1;
  if (bench && !run(join(folder, 'bench', `bench_${bench}`), [], { stdio: 'inherit' }).ok) process.exitCode = 1;
}

try {
  main();
} catch (error) {
  console.error(error instanceof BuildError ? error.message : error);
  process.exitCode = 1;
}
