// Style as a test: what a reader may rely on about the tree is checked here, not promised.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LINES_MAX = 400;
const COLUMNS_MAX = 200;

const tracked = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).split('\n').filter((file) => file !== '');
const sources = tracked.filter((file) => /\.(ts|mjs|cc|h)$/.test(file));
const texts = [...sources, ...tracked.filter((file) => /\.(md|json|jsonc|py|txt)$|^\.ci\/|CMakeLists/.test(file) && file !== 'package-lock.json')];
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** What a folder of runtime/ may import besides its own files and the leaves; the map in ARCHITECTURE.md says why. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  config: ['config', 'engine'],
  ingress: ['router', 'isolates', 'engine', 'telemetry'],
  router: [],
  isolates: ['engine'],
  residency: ['engine'],
  supervisor: ['engine', 'config'],
  engine: [],
  telemetry: ['engine'],
};

describe('the tree', () => {
  test('no source file is longer than a reader can hold', () => {
    assert.deepEqual(sources.map((file) => [file, read(file).split('\n').length] as const).filter(([, lines]) => lines > LINES_MAX), []);
  });

  test('no line of code is wider than a window', () => {
    const wide = sources.flatMap((file) => read(file).split('\n').map((line, i) => [`${file}:${i + 1}`, line.length] as const));
    assert.deepEqual(wide.filter(([, columns]) => columns > COLUMNS_MAX), []);
  });

  test('nothing is left over: no notes to self, no switched-off test, no silenced check', () => {
    // Spelled in two parts, so that this file does not find itself.
    const leftover = new RegExp([
      'TO' + 'DO', 'FIX' + 'ME', '\\bXX' + 'X\\b', '\\.(only|skip|to' + 'do)\\(', '@ts-(ignore|no' + 'check)', ': an' + 'y[;,)>=]', '\\bas an' + 'y[;,)]', 'eslint-dis' + 'able',
    ].join('|'));
    assert.deepEqual(find(leftover, sources), []);
  });

  test('every TypeScript source says at its top why it exists', () => {
    const silent = sources.filter((file) => file.endsWith('.ts') && !/\.(test|d)\.ts$/.test(file) && !/^functions\/.*\/env\.ts$/.test(file));
    assert.deepEqual(silent.filter((file) => !/^(#!.*\n)?\/\//.test(read(file))), []);
  });

  test('imports in runtime/ run the way a request does, and never into deploy/', () => {
    const wrong = runtimeImports().filter(({ from, to }) => {
      if (from === 'main.ts') return false;
      if (to.startsWith('deploy/')) return true;
      if (!from.includes('/')) return !isWords(to);
      const target = areaOf(to);
      if (target === areaOf(`runtime/${from}`) || isLeaf(to)) return false;
      return !(MAY_IMPORT[areaOf(`runtime/${from}`)] ?? []).includes(target);
    });
    assert.deepEqual(wrong, []);
  });

  test('functions import nothing of ours but the package', () => {
    const handlers = sources.filter((file) => file.startsWith('functions/') && file.endsWith('.ts') && !file.endsWith('.test.ts'));
    const outside = handlers.flatMap((file) => importsOf(file).filter((name) => name.startsWith('../..')).map((name) => `${file}: ${name}`));
    assert.deepEqual(outside, []);
  });

  test('the project speaks of the project alone: no path of a machine, no number of a ticket', () => {
    const strange = /(?<!\w)\/(work|home|root)\/[a-z]|issue #?\d+/i;
    const own = 'test/tidy/tidy.test.ts';
    assert.deepEqual(find(strange, texts.filter((file) => file !== own)), []);
  });

  test('dependencies are pinned exactly and the lockfile names no download address', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    assert.deepEqual(loose, []);
    assert.ok(!read('package-lock.json').includes('"resolved"'));
  });
});

/** Lines that match, as `file:line: text`. */
function find(pattern: RegExp, files: readonly string[]): string[] {
  return files.flatMap((file) => read(file).split('\n').flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])));
}

function runtimeImports(): { readonly from: string; readonly to: string }[] {
  return sources.filter((file) => /^runtime\/.*\.ts$/.test(file) && !file.endsWith('.test.ts')).flatMap((file) =>
    importsOf(file).filter((name) => name.startsWith('.')).map((name) => ({ from: file.slice('runtime/'.length), to: normalize(join(dirname(file), name)) })));
}

function importsOf(file: string): string[] {
  return [...read(file).matchAll(/^(?:import|export)[^;]*?from '([^']+)'/gm)].map((match) => match[1] ?? '');
}

/** What leaves may lean on besides each other: the settings' own folder and the words of the engine port. */
function isWords(path: string): boolean {
  return isLeaf(path) || path.startsWith('runtime/config/') || path === 'runtime/engine/port.ts' || path === 'runtime/engine/tensor.ts';
}

/** `runtime/ingress/x.ts` -> `ingress`; files directly in runtime/ are leaves or the root. */
function areaOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function isLeaf(path: string): boolean {
  return path.split('/').length === 2 && path !== 'runtime/main.ts';
}
