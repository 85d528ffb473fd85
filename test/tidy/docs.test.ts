// The documents are held to the code: generated parts are fresh, names in prose exist, nothing has been forgotten.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createAdmin, type AdminOptions } from '../../deploy/admin/admin.ts';
import { createProgram } from '../../deploy/cli/program.ts';
import { ERROR_ADVICE } from '../../deploy/reference/error-advice.ts';
import { fillSections } from '../../deploy/reference/fill-sections.ts';
import { SECTIONS } from '../../deploy/reference/sections.ts';
import { SETTING_NAMES } from '../../runtime/config/settings.ts';
import { ERROR_KINDS, type ErrorCode } from '../../runtime/errors.ts';
import { METRICS } from '../../runtime/telemetry/names.ts';
import { capturedTerminal } from '../support/captured-terminal.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' }).split('\n');
const files = listed.filter((file) => file !== '' && existsSync(join(ROOT, file)));
const documents = files.filter((file) => file.endsWith('.md'));
const reference = documents.filter((file) => file.startsWith('docs/reference/'));
/** What the package is made of, without tests. */
const sources = files.filter((file) => /^(runtime|deploy|functions)\/.*\.ts$|^native\/CMakeLists/.test(file) && !file.endsWith('.test.ts'));

interface PackageJson {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const packageJson = JSON.parse(read('package.json')) as PackageJson;

/** What `find` finds in all documents, each with its place. */
function inDocuments(find: RegExp): readonly { readonly place: string; readonly found: string }[] {
  return documents.flatMap((file) => read(file).split('\n').flatMap((line, index) =>
    [...line.matchAll(find)].map((match) => ({ place: `${file}:${index + 1}`, found: match[1] ?? '' }))));
}

function unknown(find: RegExp, isKnown: (found: string) => boolean): readonly string[] {
  return inDocuments(find).filter(({ found }) => !isKnown(found)).map(({ place, found }) => `${place}: ${found}`);
}

function codesIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}

/** Folders, two deep, whose sources (not their tests) use a package; headers are used by name in CMake. */
function importersOf(name: string): readonly string[] {
  const used = new RegExp(`(?:from |import\\(|resolve\\()'${name}(?:/[^']*)?'|NODE_MODULES\\}/${name}`);
  const folders = sources.filter((file) => used.test(read(file))).map((file) => `${dirname(file).split('/').slice(0, 2).join('/')}/`);
  return [...new Set(folders)].sort();
}

describe('the reference', () => {
  test('says what the code says; `npm run docs` brings it up to date', () => {
    const pages = reference.map((file) => ({ file, before: read(file), ...fillSections(read(file), SECTIONS) }));
    assert.deepEqual(pages.filter(({ before, text }) => before !== text).map(({ file }) => file), []);
    assert.deepEqual(pages.flatMap(({ names }) => names).sort(), Object.keys(SECTIONS).sort());
  });

  test('names every error code, metric and setting', () => {
    const all = reference.map(read).join('\n');
    const wanted = [...Object.keys(ERROR_KINDS), ...Object.values(METRICS), ...SETTING_NAMES];
    assert.deepEqual(wanted.filter((name) => !all.includes(`\`${name}\``)), []);
  });

  test('lists every address of the admin API', () => {
    const { routes } = createAdmin({ token: '', hostNames: [], store: {} } as unknown as AdminOptions); // its addresses only: nothing is called
    const page = read('docs/reference/http.md');
    const addresses = [...new Set(routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`))];
    assert.deepEqual(addresses.filter((address) => !page.includes(`\`${address}\``)), []);
    assert.ok(addresses.length > 10, `found only ${addresses.join(', ')}`);
  });

  test('says of no error code that nobody meets it while a source raises it', () => {
    const all = sources.filter((file) => !file.endsWith('/errors.ts')).map(read).join('\n');
    const unmet = (Object.keys(ERROR_ADVICE) as ErrorCode[]).filter((code) => ERROR_ADVICE[code].audience === 'nobody yet');
    assert.deepEqual(unmet.filter((code) => all.includes(`'${code}'`)), []);
  });
});

describe('what documents name', () => {
  test('links lead to files that are there', () => {
    const links = inDocuments(/\]\(((?!https?:|#|mailto:)[^)]+)\)/g);
    const isThere = ({ place, found }: (typeof links)[number]): boolean => existsSync(join(ROOT, dirname(place), found.replace(/#.*$/, '')));
    assert.deepEqual(links.filter((link) => !isThere(link)), []);
    assert.ok(links.length > 10);
  });

  test('paths of the tree are there', () => {
    const paths = /`((?:runtime|deploy|native|functions|test|docs)\/[\w./-]*)`/g;
    assert.deepEqual(unknown(paths, (path) => /NAME|\/build/.test(path) || existsSync(join(ROOT, path))), []);
  });

  test('commands of `pilotlight` exist', () => {
    const known = new Set(createProgram(capturedTerminal()).commands.map((command) => command.name()));
    // In code only: after a backtick, a prompt or at the start of a line.
    assert.deepEqual(unknown(/(?:`|^\$? ?|npx )pilotlight ([a-z]+)/g, (command) => known.has(command)), []);
  });

  test('scripts of `npm run` exist', () => {
    assert.deepEqual(unknown(/npm run ([\w:-]+)/g, (script) => script in packageJson.scripts), []);
  });

  test('CONTRIBUTING.md says of each dependency why it is here, and which folders import it', () => {
    const rows = [...read('CONTRIBUTING.md').matchAll(/^\| (`[^|]*) \|([^|]*)\|/gm)].map(([, names = '', folders = '']) =>
      ({ names: codesIn(names), folders: codesIn(folders) }));
    const rowOf = (name: string) => rows.find(({ names }) => names.includes(name));
    assert.deepEqual(Object.keys({ ...packageJson.dependencies, ...packageJson.devDependencies }).filter((name) => rowOf(name) === undefined), []);
    for (const name of Object.keys(packageJson.dependencies)) assert.deepEqual(rowOf(name)?.folders.toSorted(), importersOf(name), name);
  });

  test('ARCHITECTURE.md allows the imports that the tidiness test allows', () => {
    const allowed = [...read('test/tidy/tidy.test.ts').matchAll(/^ {2}(\w+): \[(.*)\],$/gm)].map(([, folder = '', names = '']) => {
      const others = names.replaceAll("'", '').split(', ').filter((name) => name !== '');
      return `| \`${folder}\` | ${others.length === 0 ? 'leaves only' : others.map((name) => `\`${name}\``).join(', ')} |`;
    });
    assert.ok(allowed.length > 5, 'the table of the tidiness test was not found');
    const page = read('ARCHITECTURE.md');
    assert.deepEqual(allowed.filter((row) => !page.includes(row)), []);
  });
});
