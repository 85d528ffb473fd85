// Checks of idle pools and what follows from them, on an engine that fails as scripted.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { RunResult } from '../engine/port.ts';
import { PilotlightError } from '../errors.ts';
import type { LoadRecord, RepairRecord } from '../records.ts';
import type { PoolPlan, WarmSample } from './pool-plan.ts';
import { PoolResidency, type Ensured } from './residency.ts';

const EVERY_MS = 60_000;
const LOOK_MS = 2_000;
const MIB = 2 ** 20;

function sampleOf(value: number): WarmSample {
  return { name: `${value}.json`, inputs: { x: { type: 'float32', shape: [1, 2], data: Float32Array.of(value, value) } } };
}

function planOf(key: string, { slots = 1, id = 'zeros', samples = async () => [] }: { slots?: number; id?: string; samples?: PoolPlan['warm']['samples'] } = {}): PoolPlan {
  const spec = { key, backend: 'fake', path: `/${key}.fake`, device: 'cpu', slots, threads: 1, queue: { max: 1, timeoutMs: 1 } } as const;
  return { spec, function: key, binding: 'M', residency: 'lru', bytes: MIB, warm: { id, runs: 2, samples } };
}

function setUp({ checkEveryMs = EVERY_MS, budgetMib = 100 } = {}) {
  const engine = new FakeEngine();
  const clock = new ManualClock();
  const loads: LoadRecord[] = [];
  const repairs: RepairRecord[] = [];
  const hung: string[] = [];
  engine.weightsOf = () => MIB;
  const residency = new PoolResidency({
    engine, clock, loadWaitersMax: 100, loadTimeoutMs: 60_000, residencyMinMs: 0, devices: [{ device: 'cpu', budgetBytes: budgetMib * MIB }], checkEveryMs,
    onLoad: (record) => loads.push(record), onRepair: (record) => repairs.push(record), onHung: (reason) => hung.push(reason),
  });
  const ask = (key: string): Promise<Ensured> => residency.ensure(key, { reason: 'request', function: key, binding: 'M' });
  const start = async (plan: PoolPlan): Promise<void> => {
    residency.declare(`${plan.function}@1`, [plan]);
    await ask(plan.spec.key);
    engine.runs.length = 0;
  };
  const stateOf = (key: string): string | undefined => residency.pools().find((pool) => pool.key === key)?.state;
  return { engine, clock, loads, repairs, hung, residency, ask, start, stateOf };
}

const settled = (): Promise<void> => new Promise(setImmediate);

/** In steps of a look, so that what a look starts is done before the next. */
async function pass(clock: ManualClock, ms: number, stepMs = LOOK_MS): Promise<void> {
  for (let at = 0; at < ms; at += stepMs) {
    clock.advance(Math.min(stepMs, ms - at));
    for (let turn = 0; turn < 4; turn++) await settled();
  }
}

/** Fails the runs that come from now on, as long as `times` lasts. */
function failRuns(engine: FakeEngine, times: number, error: () => unknown = () => new PilotlightError('ENGINE_FAILED', 'the kernel failed')): void {
  let left = times;
  engine.before = (operation) => {
    if (operation === 'run' && left-- > 0) throw error();
  };
}

describe('checks of idle pools', () => {
  test('a pool that nobody used for the interval has one light run of its first sample, its slots in turn', async () => {
    const { engine, clock, start, repairs } = setUp();
    const samples = async (countMax?: number): Promise<readonly WarmSample[]> => [sampleOf(1), sampleOf(2)].slice(0, countMax);
    await start(planOf('a', { slots: 2, id: 'own', samples }));
    await pass(clock, EVERY_MS - LOOK_MS);
    assert.equal(engine.runs.length, 0);
    await pass(clock, LOOK_MS);
    assert.deepEqual(engine.runs.map(({ slot, inputs }) => [slot, inputs['x']?.data[0]]), [[0, 1]]);
    await pass(clock, 2 * EVERY_MS);
    assert.deepEqual(engine.runs.map(({ slot }) => slot), [0, 1, 0]);
    assert.deepEqual(repairs, []);
  });

  test('none runs on a pool that has a job or had one within the interval, nor anywhere while jobs wait, nor with the setting 0', async () => {
    const { engine, clock, start } = setUp();
    await start(planOf('a'));
    await start(planOf('b'));
    for (let round = 0; round < 5; round++) {
      await pass(clock, EVERY_MS - LOOK_MS);
      for (const key of ['a', 'b']) engine.use(key, clock.nowMs());
    }
    engine.countsOf = (key) => (key === 'a' ? { busy: 1 } : {});
    await pass(clock, EVERY_MS + LOOK_MS);
    assert.deepEqual(engine.runs.map(({ key }) => key), ['b']);
    engine.countsOf = (key) => (key === 'a' ? { busy: 1, waiting: 3 } : {});
    await pass(clock, 3 * EVERY_MS);
    assert.equal(engine.runs.length, 1);
    const off = setUp({ checkEveryMs: 0 });
    await off.start(planOf('a'));
    assert.equal(off.clock.pending, 0);
  });

  test('one pool at a time, and at most a tenth of the time', async () => {
    const { engine, clock, start } = setUp();
    for (const key of ['a', 'b', 'c']) await start(planOf(key));
    let running = 0;
    const atMs: number[] = [];
    engine.before = async (operation) => {
      if (operation !== 'run') return;
      assert.equal(++running, 1);
      atMs.push(clock.nowMs());
      await new Promise<void>((resolve) => clock.after(1_000, resolve));
      running--;
    };
    await pass(clock, EVERY_MS + 25_000, 500);
    assert.deepEqual(atMs, [EVERY_MS, EVERY_MS + 10_000, EVERY_MS + 20_000]);
  });

  test('a check is no use: eviction takes the pool that was used longest ago, checked or not', async () => {
    const { engine, clock, start, ask } = setUp({ budgetMib: 2 });
    await start(planOf('a'));
    clock.advance(10);
    await start(planOf('b'));
    await pass(clock, EVERY_MS);
    engine.use('b', clock.nowMs());
    await pass(clock, 2 * LOOK_MS);
    assert.ok(engine.runs.some(({ key }) => key === 'a'));
    await start(planOf('c'));
    assert.deepEqual([...engine.loaded], ['b', 'c']);
    assert.equal((await ask('b')).start, 'warm');
  });

  test('a check that the pool\'s eviction ends is no fault of the pool', async () => {
    const { engine, clock, start, repairs } = setUp({ budgetMib: 1 });
    await start(planOf('a'));
    let end = (): void => {};
    engine.before = async (operation, key) => {
      if (operation !== 'run' || key !== 'a') return;
      await new Promise<void>((resolve) => (end = resolve));
      throw new PilotlightError('NOT_RESIDENT', 'it was unloaded');
    };
    await pass(clock, EVERY_MS);
    await start(planOf('b'));
    end();
    await pass(clock, EVERY_MS);
    assert.deepEqual([[...engine.loaded], repairs], [['b'], []]);
  });
});

describe('repair', () => {
  test('a pool that fails one check of two is told of and left as it is', async () => {
    const { engine, clock, start, repairs, loads } = setUp();
    await start(planOf('a'));
    failRuns(engine, 1);
    await pass(clock, EVERY_MS);
    assert.deepEqual(repairs.map(({ outcome, reason, fault, checks }) => [outcome, reason, fault, checks.map((check) => check.fault)]),
      [['passed', 'failed', 'the kernel failed', ['the kernel failed', undefined]]]);
    assert.equal(loads.length, 1);
  });

  test('a pool that fails twice is unloaded and loaded again, and serves', async () => {
    const { engine, clock, start, repairs, loads, ask, stateOf } = setUp();
    await start(planOf('a'));
    failRuns(engine, 2);
    await pass(clock, EVERY_MS);
    assert.deepEqual(repairs.map(({ outcome, reason, load }) => [outcome, reason, load?.reason]), [['rebuilt', 'failed', 'repair']]);
    assert.deepEqual([loads.map(({ reason }) => reason), stateOf('a'), (await ask('a')).start], [['request', 'repair'], 'resident', 'warm']);
  });

  test('a wrong answer and a run that is late are faults, memory that is short elsewhere is none', async () => {
    const nan = (): Float32Array => Float32Array.of(NaN, 0);
    const wrong = setUp();
    await wrong.start(planOf('a'));
    let wrongRuns = 2;
    wrong.engine.answer = () => ({ y: { type: 'float32', shape: [1, 2], data: wrongRuns-- > 0 ? nan() : new Float32Array(2) } });
    await pass(wrong.clock, EVERY_MS);
    assert.deepEqual(wrong.repairs.map(({ outcome, reason, fault }) => [outcome, reason, fault]), [['rebuilt', 'wrong', 'output y is NaN at element 0']]);
    for (const [code, told] of [['DEADLINE', ['late']], ['NO_MEMORY', []]] as const) {
      const { engine, clock, start, repairs } = setUp();
      await start(planOf('a'));
      failRuns(engine, 2, () => new PilotlightError(code, 'as scripted'));
      await pass(clock, EVERY_MS);
      assert.deepEqual(repairs.map(({ reason }) => reason), told);
    }
  });

  test('jobs that come meanwhile wait for the load: none meets the old engine', async () => {
    const { engine, clock, start, ask, loads, residency } = setUp();
    await start(planOf('a'));
    failRuns(engine, 2);
    const failing = engine.before;
    let open = (): void => {};
    const door = new Promise<void>((resolve) => (open = resolve));
    engine.before = (operation, key) => (operation === 'unload' ? door : failing(operation, key));
    await pass(clock, EVERY_MS);
    const asked = [ask('a'), ask('a')];
    await settled();
    assert.deepEqual(residency.pools()[0]?.trouble, { message: 'a\'s model M failed its check and is loaded again: the kernel failed' });
    open();
    assert.deepEqual((await Promise.all(asked)).map(({ start: how }) => how), ['joined', 'joined']);
    assert.deepEqual(loads.map(({ reason }) => reason), ['request', 'repair']);
  });

  test('a job that holds the pool is waited for, and at last the pool is left until the next check', async () => {
    const { engine, clock, start, repairs } = setUp();
    await start(planOf('a'));
    failRuns(engine, 4);
    engine.held.add('a');
    await pass(clock, EVERY_MS + 12_000);
    assert.deepEqual(repairs.map(({ outcome }) => outcome), ['held']);
    engine.held.delete('a');
    await pass(clock, EVERY_MS + 12_000);
    assert.deepEqual(repairs.map(({ outcome }) => outcome), ['held', 'rebuilt']);
  });

  test('a pool that cannot be loaded again fails as any load: its back-off is told, and a request loads it after that', async () => {
    const { engine, clock, start, repairs, ask } = setUp();
    await start(planOf('a'));
    failRuns(engine, Infinity);
    await pass(clock, EVERY_MS);
    assert.deepEqual(repairs.map(({ outcome, errorMessage }) => [outcome, /the kernel failed/.test(errorMessage ?? '')]), [['failed', true]]);
    await assert.rejects(ask('a'), { code: 'LOAD_FAILED', retryAfterS: 1 });
    engine.before = () => {};
    await pass(clock, LOOK_MS);
    assert.equal((await ask('a')).start, 'cold');
  });

  test('a repair pushes nobody out; a request that joined it in vain loads for itself', async () => {
    const { engine, clock, start, ask, repairs } = setUp({ budgetMib: 2 });
    await start(planOf('a'));
    await start(planOf('b'));
    engine.use('b', 1);
    failRuns(engine, 2);
    const failing = engine.before;
    const joined: Promise<Ensured>[] = [];
    let unloads = 0;
    engine.before = async (operation, key) => {
      // What others take while it is unloaded: the pool is twice as large when it is back.
      if (operation === 'unload' && unloads++ === 0) {
        await settled();
        engine.weightsOf = (one) => (one === key ? 2 : 1) * MIB;
        joined.push(ask(key));
      }
      return failing(operation, key);
    };
    await pass(clock, EVERY_MS + LOOK_MS);
    assert.equal((await joined[0])?.start, 'cold');
    assert.deepEqual(repairs.map(({ outcome, errorMessage }) => [outcome, /nothing is given up/.test(errorMessage ?? '')]), [['failed', true]]);
    assert.equal(engine.loaded.size, 1);
  });

  test('a pool whose jobs all fail is checked at once, and ever more seldom while repairs do not help', async () => {
    const { engine, clock, start, repairs } = setUp();
    await start(planOf('a'));
    let failures = 0;
    engine.countsOf = () => ({ runs: failures, failures });
    engine.before = (operation) => {
      // Warm-ups pass; checks, which come when nothing loads, fail.
      if (operation === 'run' && engine.opened.has('a')) throw new PilotlightError('ENGINE_FAILED', 'again');
    };
    await pass(clock, LOOK_MS);
    for (let round = 0; round < 30; round++) {
      failures += 5;
      await pass(clock, LOOK_MS);
    }
    assert.ok(repairs.length >= 4 && repairs.length <= 6, `${repairs.length} repairs in a minute`);
    assert.deepEqual(new Set(repairs.map(({ outcome }) => outcome)), new Set(['rebuilt']));
  });

  test('a repair is no use: the pool has its old place in the order, and its idle time goes on', async () => {
    const { engine, clock, start, repairs } = setUp({ budgetMib: 2 });
    await start({ ...planOf('a'), idleTimeoutMs: 2 * EVERY_MS });
    clock.advance(100);
    engine.use('b', clock.nowMs());
    await start(planOf('b'));
    failRuns(engine, 2);
    await pass(clock, EVERY_MS);
    assert.deepEqual(repairs.map(({ pool, outcome }) => [pool, outcome]), [['a', 'rebuilt']]);
    await start(planOf('c'));
    assert.deepEqual([...engine.loaded], ['b', 'c']);
    const other = setUp();
    await other.start({ ...planOf('a'), idleTimeoutMs: 2 * EVERY_MS });
    failRuns(other.engine, 2);
    await pass(other.clock, 2 * EVERY_MS);
    assert.deepEqual([other.repairs.length, other.engine.loaded.size], [1, 0]);
  });

  test('the samples of a version that the pool was not warmed with do not judge it', async () => {
    const { engine, clock, start, residency, repairs } = setUp();
    await start(planOf('a'));
    residency.declare('a@2', [planOf('a', { id: 'never proven', samples: async () => [sampleOf(666)] })]);
    await pass(clock, EVERY_MS);
    assert.deepEqual(engine.runs.map(({ inputs }) => inputs['x']?.data[0]), [0]);
    assert.deepEqual(repairs, []);
  });

  test('fault 20: a check that never ends, though it is told to, is a hung slot: the host gives up', async () => {
    const { engine, clock, start, hung } = setUp();
    await start(planOf('a'));
    engine.runOnSlot = () => new Promise<RunResult>(() => {});
    await pass(clock, EVERY_MS + 24_000);
    assert.deepEqual(hung, []);
    await pass(clock, 2_000);
    assert.match(hung[0] ?? '', /checked a's model M on slot 0: it did not end within 25000 ms, though it was told to, and its thread cannot be stopped/);
  });

  test('a pool that nobody declares any more while it is repaired is gone, and nothing is left', async () => {
    const { engine, clock, start, residency, repairs } = setUp();
    await start(planOf('a'));
    failRuns(engine, 2);
    const failing = engine.before;
    let forgotten: Promise<void> | undefined;
    engine.before = (operation, key) => {
      if (operation === 'unload') forgotten = residency.forget('a@1');
      return failing(operation, key);
    };
    await pass(clock, EVERY_MS);
    await forgotten;
    await pass(clock, EVERY_MS);
    assert.deepEqual([[...engine.loaded], residency.pools(), repairs, clock.pending], [[], [], [], 0]);
  });
});
