// Runs compiled tests with node's own runner: `node test/run.mjs unit|system|gpu|tidy [FILE-PART...]`.
// One place says which test belongs to which command; a command that finds no test fails.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const GROUPS = ['unit', 'system', 'gpu', 'tidy'];

const [group, ...parts] = process.argv.slice(2);
if (!GROUPS.includes(group)) fail(`usage: node test/run.mjs ${GROUPS.join('|')} [FILE-PART...]`);
const files = testFiles(DIST).filter((file) => groupOf(file) === group && (parts.length === 0 || parts.some((part) => file.includes(part))));
if (files.length === 0) fail(`no ${group} test in ${DIST}${parts.length === 0 ? '' : ` whose path contains ${parts.join(' or ')}`}`);
// What one test takes of a GPU, another would find missing.
const inTurn = group === 'gpu' ? ['--test-concurrency=1'] : [];
const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', ...inTurn, ...files], { cwd: ROOT, stdio: 'inherit' });
process.exit(status ?? 1);

function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith('.test.js') ? [path] : [];
  }).sort();
}

/** test/system/, test/gpu/ and test/tidy/ have commands of their own; all other tests are quick and need nothing. */
function groupOf(file) {
  const [top, folder] = relative(DIST, file).split(sep);
  return top === 'test' && GROUPS.includes(folder) ? folder : 'unit';
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(2);
}
