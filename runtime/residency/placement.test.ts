import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { array, assert as assertProperty, boolean, constantFrom, integer, option, property, record, subarray } from 'fast-check';
import type { DeviceName } from '../engine/port.ts';
import { place, type Placement, type PlacementAsk, type PlacementDevice, type PlacementSnapshot } from './placement.ts';

const DEVICES: readonly DeviceName[] = ['cpu', 'gpu:0', 'gpu:1'];

/** Of weights alone, and a key for each device. */
function ask(weightsBytes: number, more: Partial<PlacementAsk> = {}): PlacementAsk {
  return {
    binding: 'M', devices: DEVICES, slots: 1, cores: 2, pinned: false, sizeOn: () => ({ weightsBytes, slotBytes: 0 }),
    keyOn: (device, slots) => `${weightsBytes} ${device} ${slots}`, ...more,
  };
}

const device = (name: DeviceName, budgetBytes: number, more: Partial<PlacementDevice> = {}): PlacementDevice => ({ device: name, budgetBytes, pinnedBytes: 0, declaredBytes: 0, ...more });

function snapshot(devices: readonly PlacementDevice[], declared: readonly string[] = []): PlacementSnapshot {
  return { devices, declared: new Set(declared) };
}

const SAME = snapshot([device('cpu', 100), device('gpu:0', 10), device('gpu:1', 10)]);

const CASES: readonly (readonly [title: string, ask: PlacementAsk, on: PlacementSnapshot, device: DeviceName])[] = [
  ['a GPU comes before the CPU, however much room that has', ask(5), SAME, 'gpu:0'],
  ['the GPU with most room is taken', ask(5), snapshot([device('cpu', 100), device('gpu:0', 10), device('gpu:1', 12)]), 'gpu:1'],
  ['room is what declared pools leave, loaded or not', ask(5), snapshot([device('cpu', 100), device('gpu:0', 20, { declaredBytes: 15 }), device('gpu:1', 10)]), 'gpu:1'],
  ['more may be declared than there is', ask(5), snapshot([device('gpu:0', 10, { declaredBytes: 30 }), device('gpu:1', 10, { declaredBytes: 25 })]), 'gpu:1'],
  ['the CPU is taken when no GPU is large enough', ask(11), SAME, 'cpu'],
  ['what others have pinned is not there', ask(5), snapshot([device('cpu', 100), device('gpu:0', 10, { pinnedBytes: 6 }), device('gpu:1', 8, { pinnedBytes: 2 })]), 'gpu:1'],
  ['a pool that is declared is shared, also where there is less room', ask(5), snapshot(SAME.devices, ['5 gpu:1 1']), 'gpu:1'],
  ['a pool that is declared on the CPU keeps none from a GPU', ask(5), snapshot(SAME.devices, ['5 cpu 1']), 'gpu:0'],
  ['only what the manifest allows is taken', ask(5, { devices: ['cpu'] }), SAME, 'cpu'],
  ['only what has a budget is taken', ask(5), snapshot([device('gpu:1', 10)]), 'gpu:1'],
  ['the place before is kept', ask(5, { before: { device: 'gpu:1', slots: 1 } }), SAME, 'gpu:1'],
  ['the place before is kept, also on the CPU', ask(5, { before: { device: 'cpu', slots: 1 } }), SAME, 'cpu'],
  ['a place before that is too small now is left', ask(11, { before: { device: 'gpu:1', slots: 1 } }), SAME, 'cpu'],
  ['a place before that is gone is left', ask(5, { before: { device: 'gpu:7', slots: 1 } }), SAME, 'gpu:0'],
  ['one that fits nowhere is put where it could have most', ask(1000, { devices: ['gpu:0', 'gpu:1'] }), snapshot([device('gpu:0', 10), device('gpu:1', 20)]), 'gpu:1'],
];

describe('placement', () => {
  for (const [title, one, on, expected] of CASES) {
    test(title, () => assert.equal(place([one], on)[0]?.device, expected));
  }

  test('the models of one version are spread', () => {
    assert.deepEqual(place([ask(6), ask(5), ask(3)], SAME).map((one) => one.device), ['gpu:0', 'gpu:1', 'gpu:1']);
    assert.deepEqual(place([ask(6), ask(6)], SAME).map((one) => one.device), ['gpu:0', 'gpu:0'], 'two that ask for the same share one pool');
    assert.deepEqual(place([ask(6, { pinned: true }), ask(7, { pinned: true }), ask(8)], SAME).map((one) => one.device), ['gpu:0', 'gpu:1', 'cpu']);
  });

  test('each device that is too small is told with need and have', () => {
    const [{ tooLarge } = { tooLarge: [] }] = place([ask(11)], snapshot([device('cpu', 100), device('gpu:0', 10), device('gpu:1', 9, { pinnedBytes: 1 })]));
    assert.deepEqual(tooLarge, [{ device: 'gpu:0', needBytes: 11, haveBytes: 10 }, { device: 'gpu:1', needBytes: 11, haveBytes: 8 }]);
  });

  test('usual are as many slots as the CPU has cores, and four on a GPU', () => {
    const slots = (on: DeviceName): number | undefined => place([ask(1, { slots: undefined, devices: [on], cores: 3 })], SAME)[0]?.slots;
    assert.deepEqual([slots('cpu'), slots('gpu:0')], [3, 4]);
  });
});

const GIB = 2 ** 30;

describe('slots: "auto"', () => {
  function auto(budgetGib: number, weightsGib: number, slotGib: number, on: DeviceName = 'gpu:0', more: Partial<PlacementAsk> = {}): Placement | undefined {
    const sizeOn = () => ({ weightsBytes: weightsGib * GIB, slotBytes: slotGib * GIB });
    return place([ask(0, { slots: 'auto', devices: [on], sizeOn, ...more })], snapshot([device(on, budgetGib * GIB)]))[0];
  }

  test('is as many as the memory allows, and says how', () => {
    const placement = auto(14.4, 1.7, 2);
    assert.deepEqual([placement?.slots, placement?.slotsBecause], [5, '(14.4 GiB - 1.4 GiB reserve - 1.7 GiB weights) / 2.0 GiB a slot = 5']);
    assert.equal(placement?.bytes, 1.7 * GIB + 5 * 2 * GIB);
  });

  test('is at most eight on a GPU and one for each core on a CPU', () => {
    const gpu = auto(14.4, 1.7, 1.1);
    assert.deepEqual([gpu?.slots, gpu?.slotsBecause], [8, '(14.4 GiB - 1.4 GiB reserve - 1.7 GiB weights) / 1.1 GiB a slot = 10, at most 8 on a GPU']);
    const cpu = auto(16, 0.25, 0.001, 'cpu', { cores: 6 });
    assert.equal(cpu?.slots, 6);
    assert.match(cpu?.slotsBecause ?? '', /256\.0 MiB weights\) \/ 1\.0 MiB a slot = \d+, at most 6 \(cores\)$/);
  });

  test('is at least one', () => {
    const placement = auto(1, 2, 1);
    assert.deepEqual([placement?.slots, placement?.tooLarge.length], [1, 1]);
    assert.match(placement?.slotsBecause ?? '', / = 0, at least 1$/);
  });

  test('stays as it was, whatever has been measured since', () => {
    const placement = auto(14.4, 1.7, 1.1, 'gpu:0', { before: { device: 'gpu:0', slots: 3 } });
    assert.deepEqual([placement?.slots, placement?.slotsBecause], [3, '3, as before']);
  });
});

test('whatever is asked of whatever there is: each pool is on a device that it may be on, and on one that it fits on if there is one', () => {
  const bytes = integer({ min: 0, max: 100 });
  const devices = subarray([...DEVICES], { minLength: 1 });
  const asks = array(record({
    weightsBytes: bytes, slotBytes: bytes, devices, pinned: boolean(), slots: option(constantFrom<number | 'auto'>(1, 5, 'auto'), { nil: undefined }),
    before: option(record({ device: constantFrom(...DEVICES), slots: integer({ min: 1, max: 9 }) }), { nil: undefined }),
  }), { minLength: 1, maxLength: 5 });
  const budgets = array(bytes, { minLength: 3, maxLength: 3 });
  assertProperty(property(asks, budgets, bytes, (wanted, budget, declaredBytes) => {
    const on = snapshot(DEVICES.map((name, index) => device(name, budget[index] ?? 0, { declaredBytes })));
    const placements = place(wanted.map(({ weightsBytes, slotBytes, ...more }, index) => ask(0, {
      ...more, sizeOn: () => ({ weightsBytes, slotBytes }), keyOn: (name, slots) => `${index} ${name} ${slots}`,
    })), on);
    assert.equal(placements.length, wanted.length);
    for (const [index, { device: taken, slots, bytes: needed, tooLarge }] of placements.entries()) {
      const one = wanted[index];
      assert.ok(one !== undefined && one.devices.includes(taken) && slots >= 1);
      assert.equal(needed, one.weightsBytes + slots * one.slotBytes);
      // What it was put on is too small only where all are.
      const isTooSmall = needed > (budget[DEVICES.indexOf(taken)] ?? 0);
      if (isTooSmall) assert.deepEqual(tooLarge.map((other) => other.device).sort(), [...one.devices].sort());
    }
    assert.deepEqual(place(wanted.map(({ weightsBytes, slotBytes, ...more }, index) => ask(0, {
      ...more, sizeOn: () => ({ weightsBytes, slotBytes }), keyOn: (name, slots) => `${index} ${name} ${slots}`,
    })), on), placements, 'the same again');
  }));
});
