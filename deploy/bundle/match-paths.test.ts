import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchPaths } from './match-paths.ts';

const PATHS = ['a.json', 'samples/1.json', 'samples/2.json', 'samples/10.png', 'samples/deep/3.json', 'samples/.hidden.json', '.git/a.json'];

const CASES: readonly [string, string[]][] = [
  ['samples/*.json', ['samples/1.json', 'samples/2.json']],
  ['samples/?.json', ['samples/1.json', 'samples/2.json']],
  ['samples/**/*.json', ['samples/1.json', 'samples/2.json', 'samples/deep/3.json']],
  ['**/*.json', ['a.json', 'samples/1.json', 'samples/2.json', 'samples/deep/3.json', '.git/a.json'].filter((path) => !path.startsWith('.'))],
  ['samples/1*', ['samples/1.json', 'samples/10.png']],
  ['a.json', ['a.json']],
  ['*', ['a.json']],
  ['samples', []],
  ['samples/.*.json', ['samples/.hidden.json']],
  ['samples/[12].json', []],
];

for (const [glob, expected] of CASES) {
  test(`${glob} matches ${expected.length} of the paths`, () => {
    assert.deepEqual(matchPaths([glob], PATHS), expected);
  });
}

test('a path that two globs match is there once', () => {
  assert.deepEqual(matchPaths(['*.json', 'a.*'], PATHS), ['a.json']);
});

test('a glob of stars does not go through all combinations on a path that it nearly matches', () => {
  const started = performance.now();
  assert.deepEqual(matchPaths([`${'*a'.repeat(100)}b`], ['a'.repeat(255)]), []);
  assert.deepEqual(matchPaths([`${'**/a/'.repeat(15)}b`], [`${'a/'.repeat(31)}c`]), []);
  assert.ok(performance.now() - started < 5000);
});
