import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { PilotlightError } from '../errors.ts';
import type { LoadRecord } from '../records.ts';
import type { PoolPlan } from './pool-plan.ts';
import { PoolResidency, type Ask } from './residency.ts';

const ASK: Ask = { reason: 'request', function: 'digits', binding: 'DIGITS' };

function planOf(key: string, samples: PoolPlan['warm']['samples'] = async () => [], id = 'zeros'): PoolPlan {
  const spec = { key, backend: 'fake', path: '/m.fake', device: 'cpu', slots: 2, threads: 1, queue: { max: 1, timeoutMs: 1 } } as const;
  return { spec, function: 'digits', binding: 'DIGITS', residency: 'lru', bytes: 10, warm: { id, runs: 2, samples } };
}

function setUp(loadWaitersMax = 10) {
  const engine = new FakeEngine();
  const clock = new ManualClock();
  const loads: LoadRecord[] = [];
  const residency = new PoolResidency({
    engine, clock, loadWaitersMax, loadTimeoutMs: 1000, residencyMinMs: 0, devices: [{ device: 'cpu', budgetBytes: Infinity }],
    onLoad: (record) => loads.push(record),
  });
  return { engine, clock, loads, residency };
}

/** A promise that the test opens by hand. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

describe('residency', () => {
  test('a pool tells of each version that has it as a variant which file it is there', () => {
    const { residency } = setUp();
    const variant = { path: 'm.onnx', passed: [{ path: 'm.engine', reason: 'no TensorRT' }] };
    residency.declare('digits@1', [{ ...planOf('a'), variant }]);
    residency.declare('lone@1', [{ ...planOf('a'), function: 'lone' }]);
    assert.deepEqual(residency.pools()[0]?.variants, [{ function: 'digits@1', binding: 'DIGITS', ...variant }]);
    assert.deepEqual([residency.variant('a', 'digits@1'), residency.variant('a', 'lone@1'), residency.variant('b', 'digits@1')], [variant, undefined, undefined]);
  });

  test('the first ask loads, warms every slot at least twice and opens the pool', async () => {
    const { engine, loads, residency } = setUp();
    residency.declare('digits@1', [planOf('a')]);
    assert.equal((await residency.ensure('a', ASK)).start, 'cold');
    assert.deepEqual(engine.runs.map(({ slot }) => slot), [0, 0, 1, 1]);
    assert.ok(engine.opened.has('a'));
    assert.equal((await residency.ensure('a', ASK)).start, 'warm');
    assert.equal(loads.length, 1);
    assert.equal(loads[0]?.warm.length, 4);
  });

  test('a version that shares a resident pool is proven by its own samples, once, and its fault is not the pool\'s', async () => {
    const { engine, loads, residency } = setUp();
    const sampleOf = (name: string) => async () => [{ name, inputs: { x: { type: 'float32', shape: [1, 2], data: new Float32Array(2) } } as const }];
    const [first, second, broken] = [planOf('a'), planOf('a', sampleOf('second.json'), 'second'), planOf('a', sampleOf('broken.json'), 'broken')];
    residency.declare('digits@1', [first]);
    await residency.ensure('a', { ...ASK, provenBy: first });
    assert.equal(engine.runs.length, 4);
    residency.declare('other@1', [second]);
    const proven = await residency.ensure('a', { ...ASK, provenBy: second });
    assert.deepEqual([proven.start, proven.proof?.length, engine.runs.length], ['warm', 4, 8]);
    assert.equal((await residency.ensure('a', { ...ASK, provenBy: second })).proof, undefined);
    engine.before = (operation) => {
      if (operation === 'run') throw new PilotlightError('BAD_TENSOR', 'input "x" has the wrong shape');
    };
    residency.declare('third@1', [broken]);
    await assert.rejects(residency.ensure('a', { ...ASK, provenBy: broken }), { code: 'WARMUP_FAILED', message: /broken\.json/ });
    await residency.forget('third@1');
    assert.deepEqual([(await residency.ensure('a', ASK)).start, loads.length], ['warm', 1]);
  });

  test('a load on demand is warmed by the samples of the function that asks, not by those of another that shares the pool', async () => {
    const { engine, residency } = setUp();
    const plain = planOf('a');
    const other = { ...planOf('a', () => Promise.reject(new Error('the samples of another')), 'other'), function: 'other' };
    residency.declare('digits@1', [plain]);
    residency.declare('other@1', [other]);
    assert.equal((await residency.ensure('a', ASK)).start, 'cold');
    assert.equal(engine.runs.length, 4);
  });

  test('fault 29: a thousand cold requests at once make exactly one load, the others join it', async () => {
    const { engine, loads, residency } = setUp(1000);
    const door = gate();
    engine.before = () => door.opened;
    residency.declare('digits@1', [planOf('a')]);
    const asked = Array.from({ length: 1000 }, () => residency.ensure('a', ASK));
    door.open();
    const starts = (await Promise.all(asked)).map(({ start }) => start);
    assert.equal(engine.loads, 1);
    assert.deepEqual([starts.filter((s) => s === 'cold').length, starts.filter((s) => s === 'joined').length], [1, 999]);
    assert.equal(loads[0]?.joined, 999);
  });

  test('more waiters than allowed are refused with TOO_BUSY and the load goes on', async () => {
    const { engine, residency } = setUp(1);
    const door = gate();
    engine.before = () => door.opened;
    residency.declare('digits@1', [planOf('a')]);
    const first = residency.ensure('a', ASK);
    const second = residency.ensure('a', ASK);
    await assert.rejects(residency.ensure('a', ASK), { code: 'TOO_BUSY' });
    door.open();
    assert.deepEqual([(await first).start, (await second).start], ['cold', 'joined']);
  });

  test('whoever has left waits for a load no more, and makes room for others who do', async () => {
    const { engine, clock, loads, residency } = setUp(1);
    const door = gate();
    engine.before = () => door.opened;
    residency.declare('digits@1', [planOf('a')]);
    const first = residency.ensure('a', ASK);
    const left = assert.rejects(residency.ensure('a', { ...ASK, waitMs: 500 }), { code: 'DEADLINE', message: /still being loaded after 500 ms/ });
    await assert.rejects(residency.ensure('a', ASK), { code: 'TOO_BUSY' });
    clock.advance(500);
    await left;
    const later = residency.ensure('a', { ...ASK, waitMs: 500 });
    await new Promise((resolve) => setImmediate(resolve));
    door.open();
    assert.deepEqual([(await first).start, (await later).start, loads[0]?.joined], ['cold', 'joined', 1]);
    assert.equal(clock.pending, 0);
  });

  test('fault 30: a failed load rejects every waiter once, is not repeated during its back-off, and is tried again after it', async () => {
    const { engine, clock, residency } = setUp();
    engine.before = (operation) => {
      if (operation === 'load') throw new PilotlightError('LOAD_FAILED', 'the disk is gone');
    };
    residency.declare('digits@1', [planOf('a')]);
    const asked = await Promise.allSettled([residency.ensure('a', ASK), residency.ensure('a', ASK)]);
    assert.deepEqual(asked.map(({ status }) => status), ['rejected', 'rejected']);
    await assert.rejects(residency.ensure('a', ASK), (error: PilotlightError) => error.code === 'LOAD_FAILED' && error.retryAfterS === 1);
    assert.equal(engine.loads, 1);
    engine.before = () => {};
    clock.advance(1001);
    assert.equal((await residency.ensure('a', ASK)).start, 'cold');
  });

  test('a deploy asks again at once, whatever the back-off says', async () => {
    const { engine, residency } = setUp();
    engine.before = (operation) => {
      if (operation === 'load') throw new Error('no');
    };
    residency.declare('digits@1', [planOf('a')]);
    await assert.rejects(residency.ensure('a', ASK));
    engine.before = () => {};
    assert.equal((await residency.ensure('a', { ...ASK, reason: 'deploy' })).start, 'cold');
  });

  test('a failed load is told with when it is tried again, one for lack of room until the next, one ahead of requests not at all', async () => {
    const { engine, clock, residency } = setUp();
    residency.declare('digits@1', [planOf('a')]);
    const trouble = () => residency.pools()[0]?.trouble;
    const fail = async (code: 'ENGINE_FAILED' | 'NO_MEMORY', reason: Ask['reason']): Promise<void> => {
      engine.before = () => {
        throw new PilotlightError(code, 'as scripted');
      };
      await assert.rejects(residency.ensure('a', { ...ASK, reason }));
      engine.before = () => {};
    };
    assert.equal(trouble(), undefined);
    await fail('NO_MEMORY', 'restart');
    assert.equal(trouble(), undefined);
    await fail('NO_MEMORY', 'request');
    assert.deepEqual([trouble()?.code, trouble()?.retryInMs], ['NO_MEMORY', 0]);
    await fail('ENGINE_FAILED', 'request');
    clock.advance(400);
    assert.deepEqual(trouble(), { code: 'ENGINE_FAILED', message: 'digits\'s model DIGITS failed to load (ENGINE_FAILED: as scripted)', retryInMs: 600 });
    clock.advance(10_000);
    assert.equal(trouble()?.retryInMs, 0);
    await residency.ensure('a', ASK);
    assert.equal(trouble(), undefined);
  });

  test('fault 6: a warm-up whose answer is NaN fails the load, names slot and element, and leaves nothing loaded', async () => {
    const { engine, residency } = setUp();
    engine.answer = () => ({ y: { type: 'float32', shape: [1, 2], data: new Float32Array([0, Number.NaN]) } });
    residency.declare('digits@1', [planOf('a')]);
    await assert.rejects(residency.ensure('a', ASK), { code: 'WARMUP_FAILED', message: /DIGITS.*slot 0.*y is NaN at element 1/ });
    assert.deepEqual([...engine.loaded, ...engine.opened], []);
  });

  test('a sample with another answer than expected fails the warm-up and says which element', async () => {
    const { residency } = setUp();
    const x = { type: 'float32', shape: [1, 2], data: new Float32Array([1, 2]) } as const;
    const expect = { y: { ...x, data: new Float32Array([1, 3]) } };
    residency.declare('digits@1', [planOf('a', async () => [{ name: 'samples/a.json', inputs: { x }, expect }])]);
    await assert.rejects(residency.ensure('a', ASK), { code: 'WARMUP_FAILED', message: /samples\/a\.json.*y is 2 at element 1 where 3 was expected/ });
  });

  test('forgetting a version unloads only the pools that no other version declares', async () => {
    const { engine, residency } = setUp();
    residency.declare('digits@1', [planOf('a'), planOf('b')]);
    residency.declare('digits@2', [planOf('b')]);
    await Promise.all([residency.ensure('a', ASK), residency.ensure('b', ASK)]);
    await residency.forget('digits@1');
    assert.deepEqual([...engine.loaded], ['b']);
    assert.deepEqual(residency.pools().map(({ key }) => key), ['b']);
  });

  test('a pool that is loaded again is loaded from a version that is still declared', async () => {
    const { engine, residency } = setUp();
    const at = (path: string): PoolPlan => ({ ...planOf('a'), spec: { ...planOf('a').spec, path } });
    residency.declare('digits@1', [at('/1.fake')]);
    residency.declare('digits@2', [at('/2.fake')]);
    await residency.forget('digits@2');
    const paths: string[] = [];
    engine.onLoad = ({ path }) => void paths.push(path);
    await residency.ensure('a', ASK);
    assert.deepEqual(paths, ['/1.fake']);
  });

  test('a pool that jobs still hold is unloaded only when they have let go', async () => {
    const { engine, clock, residency } = setUp();
    residency.declare('digits@1', [planOf('a')]);
    await residency.ensure('a', ASK);
    engine.held.add('a');
    const forgotten = residency.forget('digits@1');
    await new Promise(setImmediate);
    assert.equal(clock.pending, 1);
    assert.ok(engine.loaded.has('a'));
    engine.held.delete('a');
    clock.advance(20);
    await forgotten;
    assert.ok(!engine.loaded.has('a'));
  });

  test('versions that are forgotten one after the other while jobs hold their pool unload it once', async () => {
    const { engine, clock, residency } = setUp();
    residency.declare('digits@1', [planOf('a')]);
    await residency.ensure('a', ASK);
    engine.held.add('a');
    const first = residency.forget('digits@1');
    await new Promise(setImmediate);
    residency.declare('digits@2', [planOf('a')]);
    const second = residency.forget('digits@2');
    await new Promise(setImmediate);
    engine.held.delete('a');
    clock.advance(20);
    await Promise.all([first, second]);
    assert.deepEqual([[...engine.loaded], residency.pools(), clock.pending], [[], [], 0]);
  });

  test('a pool whose unload failed can be declared and loaded again', async () => {
    const { engine, residency } = setUp();
    residency.declare('digits@1', [planOf('a')]);
    await residency.ensure('a', ASK);
    engine.before = (operation) => {
      if (operation === 'unload') throw new Error('stuck');
    };
    await assert.rejects(residency.forget('digits@1'), /stuck/);
    engine.before = () => {};
    residency.declare('digits@2', [planOf('a')]);
    assert.equal((await residency.ensure('a', { ...ASK, reason: 'deploy' })).start, 'cold');
  });

  test('a pool that cannot be opened is unloaded', async () => {
    const { engine, residency } = setUp();
    engine.open = () => {
      throw new Error('it is gone');
    };
    residency.declare('digits@1', [planOf('a')]);
    await assert.rejects(residency.ensure('a', ASK), /it is gone/);
    assert.deepEqual([...engine.loaded], []);
  });

  test('a version that is forgotten while its pool loads leaves nothing behind', async () => {
    const { engine, residency } = setUp();
    const door = gate();
    engine.before = () => door.opened;
    residency.declare('digits@1', [planOf('a')]);
    const asked = residency.ensure('a', ASK);
    await new Promise(setImmediate);
    const forgotten = residency.forget('digits@1');
    door.open();
    await Promise.all([asked, forgotten]);
    assert.deepEqual([...engine.loaded], []);
    assert.deepEqual(residency.pools(), []);
  });
});
