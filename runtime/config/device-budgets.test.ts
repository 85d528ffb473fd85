import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PilotlightError } from '../errors.ts';
import { budgetsOf, deviceBudgets } from './device-budgets.ts';

const MEMORY = { totalBytes: 16 * 2 ** 30, freeBytes: 10 * 2 ** 30 };

describe('devices', () => {
  for (const [text, gib] of [['cpu=4GiB', 4], ['cpu = 512 MiB', 0.5], ['cpu=25%', 4], ['cpu=free - 1GiB', 9], ['cpu=1.5GiB', 1.5], ['cpu=1073741824B', 1]] as const) {
    test(`${text} is ${gib} GiB of 16 with 10 free`, () => {
      assert.equal(deviceBudgets.parseText(text, '/'), text);
      assert.deepEqual(budgetsOf(text, MEMORY), [{ device: 'cpu', budgetBytes: gib * 2 ** 30 }]);
    });
  }

  for (const text of ['', '4GiB', 'cpu', 'cpu=', 'cpu=0B', 'cpu=-1GiB', 'cpu=101%', 'cpu=0%', 'cpu=4', 'cpu=4gib', 'cpu=free', 'cpu=free - 10%', 'gpu=1GiB', 'cpu=1GiB,cpu=2GiB', 'cpu=1GiB,']) {
    test(`"${text}" is refused`, () => assert.equal(deviceBudgets.parseText(text, '/'), undefined));
  }

  test('more than is free leaves nothing, and that is told', () => {
    assert.throws(() => budgetsOf('cpu=free - 11GiB', MEMORY), (error: PilotlightError) => error.code === 'BAD_SETTING' && /leaves nothing/.test(error.message));
  });

  test('this machine has memory', () => {
    const [{ budgetBytes } = { budgetBytes: 0 }] = budgetsOf('cpu=80%');
    assert.ok(budgetBytes > 2 ** 28);
  });
});
