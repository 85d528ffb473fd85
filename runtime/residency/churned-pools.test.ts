// Far more pools than fit, loaded and given up again and again: the budget holds at every step, nobody waits for ever, and nothing is
// left behind.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { EvictionRecord } from '../records.ts';
import { PoolResidency, type Ensured } from './residency.ts';

const MIB = 2 ** 20;

function setUp({ pools, roomFor, measuredMib = 1 }: { readonly pools: number; readonly roomFor: number; readonly measuredMib?: number }) {
  const engine = new FakeEngine();
  const clock = new ManualClock();
  const evictions: EvictionRecord[] = [];
  engine.weightsOf = () => measuredMib * MIB;
  const residency = new PoolResidency({
    engine, clock, loadWaitersMax: 1000, loadTimeoutMs: 60_000, residencyMinMs: 0, devices: [{ device: 'cpu', budgetBytes: roomFor * MIB }],
    onLoad: () => {}, onEvict: (record) => evictions.push(record),
  });
  for (let index = 0; index < pools; index++) {
    const spec = { key: `p${index}`, backend: 'fake', path: '/m.fake', device: 'cpu', slots: 1, threads: 1, queue: { max: 1, timeoutMs: 1 } } as const;
    const warm = { id: 'zeros', runs: 2, samples: async () => [] };
    residency.declare(`p${index}@1`, [{ spec, function: `p${index}`, binding: 'M', residency: 'lru', bytes: MIB, warm }]);
  }
  const ask = (key: string): Promise<Ensured> => residency.ensure(key, { reason: 'request', function: key, binding: 'M' });
  return { engine, clock, evictions, residency, ask };
}

const settled = (): Promise<void> => new Promise(setImmediate);

/** From 0, the first ones most often; the same at each run. */
function zipf(count: number): () => number {
  let state = 20240607;
  const random = (): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  const weights = Array.from({ length: count }, (_, index) => 1 / (index + 1));
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return () => {
    let left = random() * sum;
    const found = weights.findIndex((weight) => (left -= weight) <= 0);
    return found < 0 ? count - 1 : found;
  };
}

describe('churned pools', () => {
  test('fault 33: twenty models, room for three, Zipf traffic: never more than fit, none given up in use, every request served, none after long', async () => {
    const POOLS = 20;
    const { engine, clock, evictions, residency, ask } = setUp({ pools: POOLS, roomFor: 3 });
    const LOAD_MS = 100;
    const RUN_MS = 60;
    const loading = new Set<string>();
    const jobs = new Map<string, number>();
    const hold = (key: string, by: number): void => {
      jobs.set(key, (jobs.get(key) ?? 0) + by);
      if ((jobs.get(key) ?? 0) > 0) engine.held.add(key);
      else engine.held.delete(key);
    };
    engine.before = async (operation, key) => {
      if (operation === 'unload') assert.ok(!engine.held.has(key), `${key} went while a job held it`);
      if (operation !== 'load') return;
      loading.add(key);
      assert.ok(engine.loaded.size + loading.size <= 3, `${engine.loaded.size} loaded, ${loading.size} on their way`);
      await new Promise<void>((resolve) => clock.after(LOAD_MS, resolve));
      loading.delete(key);
    };
    const waits: number[][] = Array.from({ length: POOLS }, () => []);
    const run = async (index: number): Promise<void> => {
      const key = `p${index}`;
      const fromMs = clock.nowMs();
      // A pool may be given up between the answer and the job, as in a host: then the job asks again.
      do await ask(key);
      while (!engine.opened.has(key));
      waits[index]?.push(clock.nowMs() - fromMs);
      engine.use(key, clock.nowMs());
      hold(key, 1);
      clock.after(RUN_MS, () => hold(key, -1));
    };
    const next = zipf(POOLS);
    const running: Promise<void>[] = [];
    for (let request = 0; request < 3000; request++) {
      running.push(run(next()));
      clock.advance(100);
      for (let turn = 0; turn < 6; turn++) await settled();
      const [device] = residency.devices();
      assert.ok((device?.freeBytes ?? -1) >= 0, `${device?.freeBytes} bytes free`);
    }
    for (let rest = 0; rest < 200; rest++) {
      clock.advance(100);
      for (let turn = 0; turn < 6; turn++) await settled();
    }
    await Promise.all(running);
    assert.ok(evictions.length > 500, `${evictions.length} evictions`);
    assert.ok(waits.every((one) => one.length > 0), 'each model was served');
    const longestMs = Math.max(...waits.flat());
    assert.ok(longestMs <= 20 * LOAD_MS, `somebody waited ${longestMs} ms`);
  });

  test('fault 34: a request for the pool that is being given up waits until it is gone and loads it again', async () => {
    const { engine, ask } = setUp({ pools: 2, roomFor: 1 });
    await ask('p0');
    let again: Promise<Ensured> | undefined;
    const order: string[] = [];
    engine.before = async (operation, key) => {
      if (operation === 'load' || operation === 'unload') order.push(`${operation} ${key}`);
      if (operation !== 'unload' || again !== undefined) return;
      await settled();
      again = ask('p0');
      await settled();
      assert.deepEqual(order, ['unload p0'], 'nothing is loaded before the memory is back');
    };
    assert.equal((await ask('p1')).start, 'cold');
    assert.equal((await again)?.start, 'cold');
    assert.deepEqual(order, ['unload p0', 'load p1', 'unload p1', 'load p0']);
  });

  test('fault 34: a request for a pool that was picked to go, but is held, finds it open', async () => {
    const { engine, clock, ask } = setUp({ pools: 2, roomFor: 1 });
    await ask('p0');
    engine.held.add('p0');
    const waiting = ask('p1');
    await settled();
    assert.equal((await ask('p0')).start, 'warm');
    engine.held.delete('p0');
    clock.advance(20);
    assert.equal((await waiting).start, 'cold');
  });

  test('fault 37: ten thousand loads and unloads, measured otherwise than expected, leave ledger and device as they were', async () => {
    const { engine, clock, residency, ask } = setUp({ pools: 3, roomFor: 4, measuredMib: 3 });
    for (let cycle = 0; cycle < 10_000; cycle++) {
      await ask(`p${cycle % 3}`);
      clock.advance(1);
      const [device] = residency.devices();
      assert.deepEqual([device?.freeBytes, device?.reservedBytes, device?.driftBytes, engine.loaded.size], [MIB, 0, 0, 1], `cycle ${cycle}`);
    }
    await Promise.all([0, 1, 2].map((index) => residency.forget(`p${index}@1`)));
    assert.deepEqual([residency.devices()[0]?.freeBytes, residency.pools(), clock.pending], [4 * MIB, [], 0]);
  });
});
