// Many pools on little memory: what goes, what stays, who waits, and that the books are right after anything.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { array, assert as assertProperty, asyncProperty, constant, constantFrom, integer, oneof, record } from 'fast-check';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { PilotlightError } from '../errors.ts';
import type { EvictionRecord, LoadRecord } from '../records.ts';
import type { PoolPlan } from './pool-plan.ts';
import { PoolResidency, type Ensured } from './residency.ts';

const MIB = 2 ** 20;

interface Scene {
  readonly budgetMib: number;
  readonly pools: Readonly<Record<string, { readonly mib: number; readonly expectedMib?: number; readonly residency?: PoolPlan['residency']; readonly idleTimeoutMs?: number }>>;
  readonly residencyMinMs?: number;
}

function setUp({ budgetMib, pools, residencyMinMs = 0 }: Scene) {
  const engine = new FakeEngine();
  const clock = new ManualClock();
  const loads: LoadRecord[] = [];
  const evictions: EvictionRecord[] = [];
  engine.weightsOf = (key) => (pools[key]?.mib ?? 0) * MIB;
  const residency = new PoolResidency({
    engine, clock, loadWaitersMax: 100, loadTimeoutMs: 60_000, residencyMinMs, devices: [{ device: 'cpu', budgetBytes: budgetMib * MIB }],
    onLoad: (record) => loads.push(record), onEvict: (record) => evictions.push(record),
  });
  for (const [key, { mib, expectedMib = mib, residency: kind = 'lru', idleTimeoutMs }] of Object.entries(pools)) {
    const spec = { key, backend: 'fake', path: `/${key}.fake`, device: 'cpu', slots: 1, threads: 1, queue: { max: 1, timeoutMs: 1 } } as const;
    const warm = { id: 'zeros', runs: 2, samples: async () => [] };
    residency.declare(`${key}@1`, [{ spec, function: key, binding: 'M', residency: kind, bytes: expectedMib * MIB, warm, ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }) }]);
  }
  const ask = (key: string, reason: LoadRecord['reason'] = 'request'): Promise<Ensured> => residency.ensure(key, { reason, function: key, binding: 'M' });
  /** A millisecond later, so that no two uses are at once. */
  const use = async (key: string): Promise<Ensured> => {
    clock.advance(1);
    engine.use(key, clock.nowMs());
    return ask(key);
  };
  return { engine, clock, loads, evictions, residency, ask, use };
}

const settled = (): Promise<void> => new Promise(setImmediate);

describe('many pools on little memory', () => {
  test('the one that was used longest ago is unloaded before the next load begins', async () => {
    const { engine, use, evictions } = setUp({ budgetMib: 2, pools: { a: { mib: 1 }, b: { mib: 1 }, c: { mib: 1 } } });
    for (const key of ['a', 'b', 'a']) await use(key);
    engine.onLoad = () => assert.deepEqual([...engine.loaded], ['a']);
    assert.equal((await use('c')).start, 'cold');
    assert.deepEqual(evictions.map(({ pool, reason, for: forWhom }) => [pool, reason, forWhom]), [['b', 'room', 'c\'s model M']]);
  });

  test('uses between two decisions count in the order in which they were', async () => {
    const { engine, clock, use } = setUp({ budgetMib: 2, pools: { a: { mib: 1 }, b: { mib: 1 }, c: { mib: 1 } } });
    for (const key of ['a', 'b']) await use(key);
    for (const key of ['a', 'b', 'a']) {
      clock.advance(1);
      engine.use(key, clock.nowMs());
    }
    await use('c');
    assert.deepEqual([...engine.loaded], ['a', 'c']);
  });

  test('what a load comes in the place of goes before all others, pinned and fresh as it is, and is told as a rollout', async () => {
    const pools = { old: { mib: 1, residency: 'pinned' }, other: { mib: 1 }, next: { mib: 1, residency: 'pinned' } } as const;
    const { engine, residency, use, evictions } = setUp({ budgetMib: 2, residencyMinMs: 60_000, pools });
    for (const key of ['other', 'old']) await use(key);
    const load = residency.ensure('next', { reason: 'deploy', function: 'next', binding: 'M', inPlaceOf: ['old@1'] });
    engine.onLoad = () => assert.deepEqual([...engine.loaded], ['other']);
    assert.equal((await load).start, 'cold');
    assert.deepEqual(evictions.map(({ pool, reason, for: forWhom }) => [pool, reason, forWhom]), [['old', 'rollout', 'next\'s model M']]);
  });

  test('what a load comes in the place of stays while it is not needed', async () => {
    const { engine, residency, use } = setUp({ budgetMib: 3, pools: { old: { mib: 1 }, other: { mib: 1 }, next: { mib: 1 }, more: { mib: 1 } } });
    for (const key of ['other', 'old']) await use(key);
    await residency.ensure('next', { reason: 'deploy', function: 'next', binding: 'M', inPlaceOf: ['old@1'] });
    assert.deepEqual([...engine.loaded], ['other', 'old', 'next']);
    await residency.ensure('more', { reason: 'deploy', function: 'more', binding: 'M', inPlaceOf: ['old@1'] });
    assert.deepEqual([...engine.loaded], ['other', 'next', 'more']);
  });

  test('what a load is beside is not given up for it: others are, or it is refused', async () => {
    const { engine, residency, use } = setUp({ budgetMib: 2, pools: { old: { mib: 1 }, other: { mib: 1 }, next: { mib: 1 }, more: { mib: 2 } } });
    for (const key of ['old', 'other']) await use(key);
    await residency.ensure('next', { reason: 'deploy', function: 'next', binding: 'M', beside: ['old@1'] });
    assert.deepEqual([...engine.loaded], ['old', 'next']);
    const refused = residency.ensure('more', { reason: 'deploy', function: 'more', binding: 'M', beside: ['old@1'] });
    await assert.rejects(refused, { code: 'NO_MEMORY', message: /the models beside which it is loaded, and pinned ones, hold too much/ });
    assert.deepEqual([...engine.loaded], ['old', 'next']);
  });

  test('a held one is waited for, and nothing is given up when it is not let go', async () => {
    const { engine, clock, residency, use } = setUp({ budgetMib: 1, pools: { old: { mib: 1, residency: 'pinned' }, next: { mib: 1 } } });
    await use('old');
    engine.held.add('old');
    const ask = { reason: 'deploy', function: 'next', binding: 'M', inPlaceOf: ['old@1'] } as const;
    const refused = residency.ensure('next', ask);
    refused.catch(() => {});
    await settled();
    for (let waitedMs = 0; waitedMs <= 10_000; waitedMs += 20) {
      clock.advance(20);
      await settled();
    }
    await assert.rejects(refused, { code: 'NO_MEMORY', message: /nobody let go/ });
    engine.held.clear();
    assert.equal((await residency.ensure('next', ask)).start, 'cold');
    assert.deepEqual([...engine.loaded], ['next']);
  });

  test('what versions have on the devices is told, pinned ones first', async () => {
    const { residency, use } = setUp({ budgetMib: 3, pools: { a: { mib: 1 }, b: { mib: 1, residency: 'pinned' }, c: { mib: 1 } } });
    for (const key of ['a', 'b']) await use(key);
    assert.deepEqual(residency.residentOf(['a@1', 'b@1', 'c@1']).map(({ spec }) => spec.key), ['b', 'a']);
  });

  test('the load that needed the room tells whom it pushed out', async () => {
    const { clock, use } = setUp({ budgetMib: 1, pools: { a: { mib: 1 }, b: { mib: 1 } } });
    await use('a');
    clock.advance(40_000);
    const { load } = await use('b');
    assert.deepEqual(load?.evicted.map(({ pool, bytes, idleMs }) => [pool, bytes, idleMs]), [['a', MIB, 40_001]]);
  });

  test('what is pinned stays, however long it was not used', async () => {
    const { engine, use } = setUp({ budgetMib: 2, pools: { a: { mib: 1, residency: 'pinned' }, b: { mib: 1 }, c: { mib: 1 } } });
    for (const key of ['a', 'b', 'c']) await use(key);
    assert.deepEqual([...engine.loaded], ['a', 'c']);
  });

  test('a model that pinned ones leave no room for is refused at once, with need and have', async () => {
    const { use } = setUp({ budgetMib: 3, pools: { a: { mib: 2, residency: 'pinned' }, b: { mib: 2 } } });
    await use('a');
    await assert.rejects(use('b'), (error: PilotlightError) =>
      error.code === 'NO_MEMORY' && error.retryAfterS === 1 && /b's model M needs 2\.0 MiB on cpu, which has a budget of 3\.0 MiB.*pinned/.test(error.message));
  });

  test('fault 32: a model larger than the device never fits, nothing is given up for it, and it is no fault to back off from', async () => {
    const { engine, use } = setUp({ budgetMib: 2, pools: { a: { mib: 1 }, b: { mib: 3 } } });
    await use('a');
    for (let round = 0; round < 2; round++) await assert.rejects(use('b'), { code: 'NEVER_FITS', message: /needs 3\.0 MiB.*budget of 2\.0 MiB/ });
    assert.deepEqual([...engine.loaded], ['a']);
  });

  test('a held pool is passed over; when all are held the load waits, and is answered NO_MEMORY in the end', async () => {
    const { engine, clock, use } = setUp({ budgetMib: 1, pools: { a: { mib: 1 }, b: { mib: 1 } } });
    await use('a');
    engine.held.add('a');
    const asked = use('b');
    asked.catch(() => {});
    await settled();
    clock.advance(9_990);
    await settled();
    assert.deepEqual([...engine.loaded], ['a']);
    clock.advance(20);
    await assert.rejects(asked, { code: 'NO_MEMORY', message: /nobody let go/ });
    engine.held.delete('a');
    assert.equal((await use('b')).start, 'cold');
  });

  test('a load that waits for a holder begins when it lets go', async () => {
    const { engine, clock, use } = setUp({ budgetMib: 1, pools: { a: { mib: 1 }, b: { mib: 1 } } });
    await use('a');
    engine.held.add('a');
    const asked = use('b');
    await settled();
    engine.held.delete('a');
    clock.advance(20);
    assert.equal((await asked).start, 'cold');
    assert.deepEqual([...engine.loaded], ['b']);
  });

  test('all victims or none: one that is held leaves the others open', async () => {
    const { engine, clock, use } = setUp({ budgetMib: 2, pools: { a: { mib: 1 }, b: { mib: 1 }, c: { mib: 2 } } });
    for (const key of ['a', 'b']) await use(key);
    engine.held.add('b');
    const asked = use('c');
    await settled();
    assert.deepEqual([[...engine.loaded], [...engine.opened]], [['a', 'b'], ['b', 'a']]);
    engine.held.clear();
    clock.advance(20);
    await asked;
    assert.deepEqual([...engine.opened], ['c']);
  });

  test('a freshly loaded pool stays for its minimum, and what waits for it begins then', async () => {
    const { engine, clock, use, ask } = setUp({ budgetMib: 1, residencyMinMs: 500, pools: { a: { mib: 1 }, b: { mib: 1 } } });
    await use('a');
    const asked = ask('b');
    await settled();
    clock.advance(499);
    await settled();
    assert.deepEqual([...engine.loaded], ['a']);
    clock.advance(1);
    assert.equal((await asked).start, 'cold');
  });

  test('an estimate that was too low is put right before the pool opens, at the cost of others', async () => {
    const { engine, use, residency } = setUp({ budgetMib: 4, pools: { a: { mib: 2 }, b: { mib: 3, expectedMib: 1 } } });
    await use('a');
    await use('b');
    assert.deepEqual([[...engine.loaded], residency.devices()[0]?.freeBytes], [['b'], MIB]);
  });

  test('a restart loads only into free memory', async () => {
    const { engine, ask } = setUp({ budgetMib: 2, pools: { a: { mib: 1 }, b: { mib: 1 }, c: { mib: 1 } } });
    await ask('a', 'restart');
    await ask('b', 'restart');
    await assert.rejects(ask('c', 'restart'), { code: 'NO_MEMORY', message: /nothing is given up/ });
    assert.deepEqual([...engine.loaded], ['a', 'b']);
  });

  test('while demand cycles over more than fits, a pool stays as long as its load took', async () => {
    const { engine, clock, use, ask, residency } = setUp({ budgetMib: 1, pools: { a: { mib: 1 }, b: { mib: 1 } } });
    engine.before = (operation) => {
      if (operation === 'load') clock.advance(4000);
    };
    engine.stepsOf = () => [{ name: 'create', startMs: clock.nowMs() - 4000, endMs: clock.nowMs() }];
    for (let round = 0; round < 6; round++) {
      await use(round % 2 === 0 ? 'a' : 'b');
      clock.advance(4000);
    }
    assert.equal(residency.devices()[0]?.thrashing, true);
    await use('a');
    const asked = ask('b');
    await settled();
    clock.advance(3990);
    await settled();
    assert.deepEqual([...engine.loaded], ['a']);
    clock.advance(20);
    assert.equal((await asked).start, 'cold');
  });

  test('one with an idle timeout is unloaded when it was not used for so long, not while it is used or held', async () => {
    const { engine, clock, use, evictions } = setUp({ budgetMib: 9, pools: { a: { mib: 1, idleTimeoutMs: 5000 }, b: { mib: 1 } } });
    await use('b');
    await use('a');
    clock.advance(4000);
    engine.use('a', clock.nowMs());
    clock.advance(4990);
    await settled();
    assert.deepEqual([...engine.loaded], ['b', 'a']);
    engine.held.add('a');
    clock.advance(3000);
    await settled();
    assert.deepEqual([...engine.loaded], ['b', 'a']);
    engine.held.delete('a');
    clock.advance(1000);
    await settled();
    assert.deepEqual([[...engine.loaded], clock.pending], [['b'], 0]);
    assert.deepEqual(evictions.map(({ pool, reason, idleMs }) => [pool, reason, Math.floor(idleMs / 1000)]), [['a', 'idle', 8]]);
  });

  test('the k-th operation fails, for each k: every ask ends, the books are right, and the next ask succeeds', async () => {
    for (let failing = 1; failing <= 24; failing++) {
      const { engine, clock, use, residency } = setUp({ budgetMib: 2, pools: { a: { mib: 1 }, b: { mib: 1 }, c: { mib: 2 } } });
      let operations = 0;
      engine.before = (operation) => {
        if (++operations === failing && operation !== 'unload') throw new PilotlightError('ENGINE_FAILED', 'as scripted');
      };
      for (const key of ['a', 'b', 'c', 'a', 'b']) await use(key).catch(() => {});
      engine.before = () => {};
      clock.advance(60_000);
      await use('c');
      const [device] = residency.devices();
      assert.deepEqual([[...engine.loaded], device?.freeBytes, device?.reservedBytes], [['c'], 0, 0], `operation ${failing}`);
    }
  });

  test('fault 33: whatever comes in whatever order: the budget holds, nothing held goes, no pool loads twice at once, every ask ends, nothing leaks', async () => {
    const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];
    const step = oneof(
      record({ do: constant('use' as const), key: constantFrom(...KEYS) }),
      record({ do: constant('replace' as const), key: constantFrom(...KEYS), other: constantFrom(...KEYS) }),
      record({ do: constant('hold' as const), key: constantFrom(...KEYS) }),
      record({ do: constant('release' as const), key: constantFrom(...KEYS) }),
      record({ do: constant('pass' as const), ms: integer({ min: 1, max: 3000 }) }),
      record({ do: constant('fail' as const), key: constantFrom(...KEYS) }),
    );
    await assertProperty(asyncProperty(array(integer({ min: 1, max: 5 }), { minLength: 6, maxLength: 6 }), array(step, { maxLength: 40 }), async (sizes, steps) => {
      const pools = Object.fromEntries(KEYS.map((key, index) => [key, { mib: sizes[index] ?? 1, ...(index === 0 ? { residency: 'pinned' as const } : {}) }]));
      const { engine, clock, use, residency } = setUp({ budgetMib: 8, residencyMinMs: 100, pools });
      const loading = new Set<string>();
      const failing = new Set<string>();
      const held = (): number => [...engine.loaded, ...loading].reduce((sum, key) => sum + (pools[key]?.mib ?? 0), 0);
      engine.before = async (operation, key) => {
        if (operation === 'unload') assert.ok(!engine.held.has(key), `${key} went while it was held`);
        if (operation !== 'load') return;
        assert.ok(!loading.has(key), `${key} loads twice`);
        loading.add(key);
        assert.ok(held() <= 8, `${held()} MiB of 8`);
        await settled();
        loading.delete(key);
        if (failing.delete(key)) throw new PilotlightError('LOAD_FAILED', 'as scripted');
      };
      const asked: Promise<unknown>[] = [];
      for (const one of steps) {
        const refused = (error: unknown): void => assert.ok(error instanceof PilotlightError, String(error));
        if (one.do === 'use') asked.push(use(one.key).catch(refused));
        if (one.do === 'replace') asked.push(residency.ensure(one.key, { reason: 'deploy', function: one.key, binding: 'M', inPlaceOf: [`${one.other}@1`] }).catch(refused));
        if (one.do === 'hold' && engine.opened.has(one.key)) engine.held.add(one.key);
        if (one.do === 'release') engine.held.delete(one.key);
        if (one.do === 'fail') failing.add(one.key);
        if (one.do === 'pass') clock.advance(one.ms);
        await settled();
      }
      engine.held.clear();
      for (let round = 0; round < 50; round++) {
        clock.advance(1000);
        for (let turn = 0; turn < 8; turn++) await settled();
      }
      await Promise.all(asked);
      await Promise.all(KEYS.map((key) => residency.forget(`${key}@1`)));
      const [device] = residency.devices();
      assert.deepEqual([[...engine.loaded], device?.freeBytes, residency.pools()], [[], 8 * MIB, []]);
    }), { numRuns: 60 });
  });
});
