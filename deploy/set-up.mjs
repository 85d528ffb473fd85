// Makes a fresh clone ready: exact dependencies, the native addon, the compiled TypeScript. Needs nothing but
// Node, a C++ compiler and CMake; does only what is out of date, so that every command can begin with it.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NODE_MIN = [20, 17];

checkNode();
if (!isInstalled()) run('dependencies', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
run('native addon', process.execPath, [join(ROOT, 'native', 'build.mjs')]);
// Deleted and moved sources must not live on as compiled tests.
rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
run('TypeScript', process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', ROOT]);
// npx makes the command executable once, when it meets the checkout for the first time; a later build is a new file.
chmodSync(join(ROOT, 'dist', 'deploy', 'cli', 'main.js'), 0o755);

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  fail(`Node ${process.versions.node} is too old: Pilotlight needs ${NODE_MIN.join('.')} or newer`);
}

/** npm leaves a copy of what it installed; it names every package of the lockfile when the install is complete. */
function isInstalled() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const found = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, optional }]) => path === '' || optional === true || found[path]?.version === version);
}

function run(what, command, args) {
  const startMs = performance.now();
  process.stderr.write(`set-up: ${what} ...\n`);
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (error !== undefined) fail(`${what}: ${command} could not be started: ${error.message}`);
  if (status !== 0) fail(`${what}: ${command} ${args.join(' ')} ended with ${status}`);
  process.stderr.write(`set-up: ${what} in ${((performance.now() - startMs) / 1000).toFixed(1)} s\n`);
}

function fail(text) {
  process.stderr.write(`set-up failed: ${text}\n`);
  process.exit(1);
}
