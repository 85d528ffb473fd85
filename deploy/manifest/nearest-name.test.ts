import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestName } from './nearest-name.ts';

const NAMES = ['isolates', 'limits', 'main', 'models', 'name', 'routes'];

test('slips of the keyboard find their name', () => {
  for (const [slip, name] of [['isolate', 'isolates'], ['mian', 'main'], ['Models', 'models'], ['ruotes', 'routes'], ['limts', 'limits']]) {
    assert.equal(nearestName(String(slip), NAMES), name);
  }
});

test('a name that is nothing like any finds none', () => {
  for (const name of ['zebra', '', 'x'.repeat(100_000)]) assert.equal(nearestName(name, NAMES), undefined);
});
