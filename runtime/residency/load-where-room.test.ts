import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { DeviceName } from '../engine/port.ts';
import { PilotlightError } from '../errors.ts';
import { PoolResidency } from './residency.ts';

const MIB = 2 ** 20;

/** Two GPUs of 10 MiB, of which the engine really has less when others take some; a load that does not fit is refused. */
function setUp(pools: Readonly<Record<string, { readonly mib: number; readonly expectedMib?: number; readonly on?: DeviceName; readonly pinned?: true }>>) {
  const engine = new FakeEngine();
  const clock = new ManualClock();
  const takenMib = new Map<string, number>();
  const deviceOf = (key: string): DeviceName => pools[key]?.on ?? 'gpu:0';
  const freeBytes = (device: string): number => {
    const held = [...engine.loaded].filter((key) => deviceOf(key) === device).reduce((sum, key) => sum + (pools[key]?.mib ?? 0), 0);
    return (10 - held - (takenMib.get(device) ?? 0)) * MIB;
  };
  engine.weightsOf = (key) => (pools[key]?.mib ?? 0) * MIB;
  engine.devices = () => (['gpu:0', 'gpu:1'] as const).map((device) => ({ device, name: 'GPU', backends: ['fake'], totalBytes: 10 * MIB, freeBytes: freeBytes(device) }));
  engine.onLoad = ({ key, device }) => {
    if (engine.weightsOf(key) > freeBytes(device)) throw new PilotlightError('NO_MEMORY', `${device} has no ${engine.weightsOf(key)} bytes`);
  };
  const residency = new PoolResidency({
    engine, clock, loadWaitersMax: 10, loadTimeoutMs: 1000, residencyMinMs: 0, onLoad: () => {},
    devices: [{ device: 'gpu:0', budgetBytes: 9 * MIB }, { device: 'gpu:1', budgetBytes: 9 * MIB }],
  });
  for (const [key, { mib, expectedMib = mib, pinned }] of Object.entries(pools)) {
    const spec = { key, backend: 'fake', path: `/${key}.fake`, device: deviceOf(key), slots: 1, threads: 1, queue: { max: 1, timeoutMs: 1 } } as const;
    residency.declare(`${key}@1`, [{
      spec, function: key, binding: 'M', residency: pinned ? 'pinned' : 'lru', bytes: expectedMib * MIB, warm: { id: 'zeros', runs: 2, samples: async () => [] },
    }]);
  }
  const ask = async (key: string): Promise<string> => {
    clock.advance(1);
    return (await residency.ensure(key, { reason: 'request', function: key, binding: 'M' })).start;
  };
  const booksMib = (): readonly number[] => residency.devices().map(({ freeBytes: free }) => free / MIB);
  return { engine, takenMib, residency, ask, booksMib };
}

describe('a device that refuses a load', () => {
  test('gets room by idle pools of its own, and none of another device', async () => {
    const { engine, ask, booksMib } = setUp({ a: { mib: 4 }, b: { mib: 4 }, far: { mib: 8, on: 'gpu:1' }, large: { mib: 9, expectedMib: 1 } });
    for (const key of ['a', 'b', 'far']) await ask(key);
    assert.equal(await ask('large'), 'cold');
    assert.deepEqual([[...engine.loaded].sort(), booksMib()], [['far', 'large'], [0, 1]]);
  });

  test('is not tried again where nobody has anything to give up', async () => {
    const { engine, takenMib, ask, booksMib } = setUp({ pinned: { mib: 4, pinned: true }, large: { mib: 4 } });
    await ask('pinned');
    takenMib.set('gpu:0', 3);
    await assert.rejects(ask('large'), { code: 'NO_MEMORY', message: /large's model M needs about 4\.0 MiB on gpu:0.*3\.0 MiB are free there/ });
    assert.deepEqual([engine.loads, booksMib()], [2, [5, 9]]);
    takenMib.clear();
    assert.equal(await ask('large'), 'cold');
  });

  test('never has room for what it refused alone', async () => {
    const { ask, booksMib } = setUp({ a: { mib: 4 }, huge: { mib: 20, expectedMib: 1 } });
    await ask('a');
    await assert.rejects(ask('huge'), { code: 'NEVER_FITS', message: /huge's model M does not fit on gpu:0: gpu:0 has no 20971520 bytes/ });
    assert.deepEqual(booksMib(), [9, 9]);
    assert.equal(await ask('a'), 'cold');
  });
});

test('a load that does not end on one device keeps none from another', async () => {
  const { engine, ask, booksMib } = setUp({ stuck: { mib: 4 }, behind: { mib: 6 }, other: { mib: 9, on: 'gpu:1' } });
  let end = (): void => {};
  engine.before = (operation, key) => (operation === 'load' && key === 'stuck' ? new Promise<void>((resolve) => (end = resolve)) : undefined);
  const [stuck, behind] = [ask('stuck'), ask('behind')];
  assert.equal(await ask('other'), 'cold');
  assert.deepEqual(booksMib(), [5, 0]);
  end();
  assert.deepEqual([await stuck, await behind], ['cold', 'cold']);
  assert.deepEqual([[...engine.loaded].sort(), booksMib()], [['behind', 'other'], [3, 0]]);
});
