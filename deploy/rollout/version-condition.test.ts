import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeVersions, meetsVersion } from './version-condition.ts';

const MET: readonly (readonly [condition: string, found: string])[] = [
  ['9.0', '9.0'], ['8', '8.6'], ['8', '8'], ['8.0', '8'], ['>=8.0', '9.0'], ['>=8.0', '8.0'], ['>=8.0', '8.6'], ['>=8', '8.9'], ['>=8.0', '10.0'],
  ['1.20', '1.20'], ['1.20', '1.20.1'], ['1.20.1', '1.20.1-dev'], ['>=1.9', '1.20.0'], ['>=10.6.0.26', '10.6.0.26'], ['>=10.6', '10.6.0.26'], ['>=1.20.0', '1.20'],
];
const NOT_MET: readonly (readonly [condition: string, found: string | undefined])[] = [
  ['9.0', '9.1'], ['9.0', '8.0'], ['8', '9.0'], ['8', '80.0'], ['>=9.0', '8.9'], ['>=8.6', '8.0'], ['>=8.6', '7.9'],
  ['1.2', '1.20'], ['1.20', '1.2'], ['1.20', '2.20'], ['1.20.1', '1.20'], ['>=1.20', '1.9.9'], ['>=1.20.1', '1.20'], ['>=2', '1.99'],
  ['9.0', undefined], ['>=0', undefined], ['>=0', ''], ['>=0', 'unknown'],
];

for (const [condition, found] of MET) test(`${condition} is met by ${found}`, () => assert.equal(meetsVersion(condition, found), true));
for (const [condition, found] of NOT_MET) test(`${condition} is not met by ${found}`, () => assert.equal(meetsVersion(condition, found), false));

test('a condition is told in words', () => {
  assert.deepEqual([describeVersions('9.0'), describeVersions('>=8.0')], ['9.0', '8.0 or later']);
});
