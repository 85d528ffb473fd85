import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { machineMemory } from '../engine/machine-memory.ts';
import type { DeviceInfo } from '../engine/port.ts';
import { PilotlightError } from '../errors.ts';
import { budgetsOf, deviceBudgets } from './device-budgets.ts';

const GIB = 2 ** 30;
const CPU: DeviceInfo = { device: 'cpu', name: 'CPU', backends: ['onnxruntime', 'fake'], totalBytes: 16 * GIB, freeBytes: 10 * GIB };
const GPU: DeviceInfo = { device: 'gpu:0', name: 'GPU', backends: ['fake'], computeCapability: '9.0', totalBytes: 80 * GIB, freeBytes: 40 * GIB };

describe('devices', () => {
  for (const [text, gib] of [['cpu=4GiB', 4], ['cpu = 512 MiB', 0.5], ['cpu=25%', 4], ['cpu=free - 1GiB', 9], ['cpu=1.5GiB', 1.5], ['cpu=1073741824B', 1]] as const) {
    test(`${text} is ${gib} GiB of 16 with 10 free`, () => {
      assert.equal(deviceBudgets.parseText(text, '/'), text);
      assert.deepEqual(budgetsOf(text, [CPU]), [{ device: 'cpu', budgetBytes: gib * GIB }]);
    });
  }

  const refused = [
    '', '4GiB', 'cpu', 'cpu=', 'cpu=0B', 'cpu=-1GiB', 'cpu=101%', 'cpu=0%', 'cpu=4', 'cpu=4gib', 'cpu=free', 'cpu=free - 10%', 'gpu=1GiB', 'cpu=1GiB,cpu=2GiB', 'cpu=1GiB,',
    'gpu:=1GiB', 'gpu:01=1GiB', 'gpu:a=1GiB', 'gpu:0=1GiB,gpu:0=50%', 'tpu:0=1GiB',
  ];
  for (const text of refused) {
    test(`"${text}" is refused`, () => assert.equal(deviceBudgets.parseText(text, '/'), undefined));
  }

  test('each device has a budget of its own; one that is not named is not used', () => {
    assert.deepEqual(budgetsOf('gpu:0=free - 1GiB, cpu=25%', [CPU, GPU]), [{ device: 'gpu:0', budgetBytes: 39 * GIB }, { device: 'cpu', budgetBytes: 4 * GIB }]);
    assert.deepEqual(budgetsOf('gpu:0=10%', [CPU, GPU]), [{ device: 'gpu:0', budgetBytes: 8 * GIB }]);
  });

  test('fault 39: a part of a GPU, and what is taken of it by default, honour what is free at the start', () => {
    assert.deepEqual(budgetsOf('gpu:0=90%', [CPU, GPU]), [{ device: 'gpu:0', budgetBytes: 40 * GIB }]);
    assert.deepEqual(budgetsOf(undefined, [CPU, GPU]), [{ device: 'cpu', budgetBytes: Math.floor(12.8 * GIB) }, { device: 'gpu:0', budgetBytes: 36 * GIB }]);
  });

  test('fault 39: a GPU that others have taken whole is left out by default, and named is a mistake', () => {
    const taken = { ...GPU, freeBytes: 0 };
    assert.deepEqual(budgetsOf(undefined, [CPU, taken]).map(({ device }) => device), ['cpu']);
    assert.throws(() => budgetsOf('gpu:0=90%', [CPU, taken]), { code: 'BAD_SETTING', message: /which leaves nothing of the 0 bytes that are free/ });
  });

  test('a device that the host has not is refused with the names of those that it has', () => {
    assert.throws(() => budgetsOf('cpu=80%, gpu:1=90%', [CPU, GPU]), (error: PilotlightError) => {
      assert.equal(error.code, 'BAD_SETTING');
      assert.match(error.message, /devices names gpu:1, which this host has not; it has cpu, gpu:0: /);
      return true;
    });
  });

  test('a GPU cannot be given more than it has', () => {
    assert.deepEqual(budgetsOf('gpu:0=80GiB', [CPU, GPU]), [{ device: 'gpu:0', budgetBytes: 80 * GIB }]);
    assert.throws(() => budgetsOf('gpu:0=81GiB', [CPU, GPU]), { code: 'BAD_SETTING', message: /devices gives gpu:0 86973087744 bytes, and it has 85899345920; gpu:0=90% would do/ });
  });

  test('more than is free leaves nothing, and that is told', () => {
    assert.throws(() => budgetsOf('cpu=free - 11GiB', [CPU]), (error: PilotlightError) => error.code === 'BAD_SETTING' && /leaves nothing/.test(error.message));
  });

  test('this machine has memory', () => {
    const [{ budgetBytes } = { budgetBytes: 0 }] = budgetsOf(undefined, [{ ...CPU, ...machineMemory() }]);
    assert.ok(budgetBytes > 2 ** 28);
  });
});
