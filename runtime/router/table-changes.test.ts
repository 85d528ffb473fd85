import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteEntry, RouteTable, Share } from './table.ts';
import { byFunction, changesBetween } from './table-changes.ts';

const entry = (name: string, version: string, path = `/${name}`): RouteEntry => ({ function: name, version, pattern: { method: 'GET', path } });
const table = (entries: readonly RouteEntry[], split?: readonly Share[]): RouteTable =>
  ({ generation: 1, entries, splits: split === undefined ? [] : [{ function: 'a', shares: split }] });
const changed = (before: RouteTable, after: RouteTable): readonly (readonly [string, number])[] =>
  changesBetween(byFunction(before), byFunction(after)).map((one) => [one.function, one.entries.length]);

const A1 = entry('a', '1');
const B1 = entry('b', '1');
const EVEN = [{ version: '1', percent: 50 }, { version: '2', percent: 50 }];

test('what stays is not told again, also when it was made anew', () => {
  assert.deepEqual(changed(table([A1, B1]), table([entry('a', '1'), entry('b', '1')])), []);
});

const CASES: readonly (readonly [string, RouteTable, RouteTable, readonly (readonly [string, number])[]])[] = [
  ['a function that came', table([A1]), table([A1, B1]), [['b', 1]]],
  ['a function that went', table([A1, B1]), table([A1]), [['b', 0]]],
  ['another version', table([A1, B1]), table([entry('a', '2'), B1]), [['a', 1]]],
  ['one route less', table([A1, entry('a', '1', '/more'), B1]), table([A1, B1]), [['a', 1]]],
  ['routes in another order', table([A1, entry('a', '1', '/more')]), table([entry('a', '1', '/more'), A1]), [['a', 2]]],
  ['another method', table([A1]), table([{ ...A1, pattern: { method: 'POST', path: '/a' } }]), [['a', 1]]],
  ['a split that began', table([A1, B1]), table([A1, entry('a', '2'), B1], EVEN), [['a', 2]]],
  ['a split whose shares moved', table([A1, entry('a', '2')], EVEN), table([A1, entry('a', '2')], [{ version: '1', percent: 10 }, { version: '2', percent: 90 }]), [['a', 2]]],
  ['a function that is refused', table([A1]), table([{ ...A1, refusal: { code: 'LOAD_FAILED', message: 'no' } }]), [['a', 1]]],
];

for (const [what, before, after, expected] of CASES) {
  test(`${what} is told, and nothing else`, () => assert.deepEqual(changed(before, after), expected));
}
