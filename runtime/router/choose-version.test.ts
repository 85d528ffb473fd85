import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { chooseByKey, chooseByPoint } from './choose-version.ts';
import type { Share } from './table.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const [A, B, C] = ['one', 'two', 'three'].map(digest) as [string, string, string];
const sharesOf = (...percents: readonly number[]): readonly Share[] =>
  percents.map((percent, index) => ({ version: [A, B, C][index] ?? '', percent }));
const KEYS = Array.from({ length: 10_000 }, (_, index) => `customer-${index}`);
const keysOf = (version: string, shares: readonly Share[]): ReadonlySet<string> =>
  new Set(KEYS.filter((key) => chooseByKey(shares, key).version === version));

describe('the choice of a version', () => {
  test('points are spread by the shares, in whole percents, and none falls on a version with 0 %', () => {
    const shares = sharesOf(90, 0, 10);
    const chosen = Array.from({ length: 100 }, (_, point) => chooseByPoint(shares, point / 100).version);
    assert.deepEqual([A, B, C].map((version) => chosen.filter((one) => one === version).length), [90, 0, 10]);
    assert.equal(chooseByPoint(sharesOf(0, 100), 0).version, B);
    assert.equal(chooseByPoint(sharesOf(100, 0), 1 - Number.EPSILON).version, A);
  });

  test('keys are spread by the shares, and none falls on a version with 0 %', () => {
    for (const [first, second] of [[50, 50], [90, 10], [99, 1]] as const) {
      const found = keysOf(B, sharesOf(first, second)).size / KEYS.length * 100;
      // Four times the standard deviation: the keys are fixed, so this holds always or never.
      assert.ok(Math.abs(found - second) < 4 * Math.sqrt(first * second / KEYS.length), `${second} % became ${found} %`);
    }
    assert.equal(keysOf(B, sharesOf(100, 0)).size, 0);
    assert.equal(keysOf(B, sharesOf(0, 100)).size, KEYS.length);
  });

  test('a growing share only moves keys towards its version, up to all of them', () => {
    let before: ReadonlySet<string> = new Set();
    for (let percent = 0; percent <= 100; percent += 5) {
      const now = keysOf(B, sharesOf(100 - percent, percent));
      assert.ok([...before].every((key) => now.has(key)), `${percent} %`);
      before = now;
    }
    assert.equal(before.size, KEYS.length);
  });

  test('with three versions, too, the one that grows loses no key and the one that shrinks wins none', () => {
    const [before, after] = [sharesOf(60, 30, 10), sharesOf(40, 30, 30)];
    const [wasOnC, isOnC, wasOnA, isOnA] = [keysOf(C, before), keysOf(C, after), keysOf(A, before), keysOf(A, after)];
    assert.ok([...wasOnC].every((key) => isOnC.has(key)));
    assert.ok([...isOnA].every((key) => wasOnA.has(key)));
  });

  test('the order of the versions and a version with 0 % beside them change nothing for a key', () => {
    const [plain, reversed, wider] = [sharesOf(70, 30), [...sharesOf(70, 30)].reverse(), sharesOf(70, 30, 0)];
    for (const key of KEYS.slice(0, 500)) {
      assert.equal(chooseByKey(reversed, key).version, chooseByKey(plain, key).version);
      assert.equal(chooseByKey(wider, key).version, chooseByKey(plain, key).version);
    }
  });

  test('any text is a key: empty, long, beyond ASCII', () => {
    for (const key of ['', 'x'.repeat(16_000), 'é\u{1f600}', '__proto__']) assert.ok([A, B].includes(chooseByKey(sharesOf(50, 50), key).version));
  });
});
