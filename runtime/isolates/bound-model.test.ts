import assert from 'node:assert/strict';
import { test } from 'node:test';
import { monotonicMs } from '../clock.ts';
import type { EngineClient, RunOptions, RunResult } from '../engine/port.ts';
import type { Tensors } from '../engine/tensor.ts';
import { PilotlightError } from '../errors.ts';
import type { ModelBinding } from '../function.ts';
import type { RunRecord } from '../records.ts';
import type { Lease } from '../sdk.ts';
import { BoundModel, type RunScope } from './bound-model.ts';
import type { Acquired } from './setup.ts';

const MODEL: ModelBinding = {
  binding: 'DIGITS', preload: false, signature: { inputs: [], outputs: [] },
  pool: { key: 'pool-1', backend: 'fake', path: '/m', device: 'cpu', slots: 1, threads: 1, queue: { max: 1, timeoutMs: 1 } },
};
const INPUTS: Tensors = { x: { type: 'float32', shape: [1], data: new Float32Array([1]) } };
const notResident = (): PilotlightError => new PilotlightError('NOT_RESIDENT', 'no such pool');

/** An engine that answers by a list of outcomes, one for each run or hold. */
const scene = (outcomes: readonly (RunResult | Error | 'hangs')[], acquired: () => Promise<Acquired> = () => Promise.resolve({ start: 'cold', loadId: 'load-1' })) => {
  const abort = new AbortController();
  const told: RunRecord[] = [];
  const leases: Lease[] = [];
  const asked: string[] = [];
  const options: RunOptions[] = [];
  const left = [...outcomes];
  const next = (): RunResult | Error | 'hangs' => left.shift() ?? new Error('the scene has no more outcomes');
  const client: EngineClient = {
    async run(_key, _signature, _inputs, given) {
      options.push(given);
      const outcome = next();
      if (outcome === 'hangs') return new Promise((_, reject) => { given.signal?.addEventListener('abort', () => reject(given.signal?.reason)); });
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
    hold() {
      const outcome = next();
      if (outcome instanceof Error) throw outcome;
      return { release: () => asked.push('released') };
    },
  };
  const deadlineMs = monotonicMs() + 60_000;
  const scope: RunScope = { signal: abort.signal, runDeadlineMs: () => deadlineMs, ran: (run) => told.push(run), held: (lease) => leases.push(lease) };
  const model = new BoundModel(MODEL, { client, acquire: (key, binding) => { asked.push(`${key} ${binding}`); return acquired(); } }, scope);
  return { model, abort, told, leases, asked, options, deadlineMs };
};
const ran = (startMs = 10): RunResult => ({ outputs: { y: { type: 'float32', shape: [1], data: new Float32Array([2]) } }, submittedMs: startMs, startedMs: startMs + 1, endedMs: startMs + 3 });

test('a resident pool answers without a word to the control thread', async () => {
  const { model, told, asked } = scene([ran()]);
  assert.equal((await model.run(INPUTS))['y']?.data[0], 2);
  assert.deepEqual(asked, []);
  assert.deepEqual(told, [{ binding: 'DIGITS', pool: 'pool-1', start: 'warm', acquireMs: 10, submittedMs: 10, startedMs: 11, endedMs: 13 }]);
});

test('a pool that is not resident is asked for once and the run submitted again, as cold or joined', async () => {
  for (const start of ['cold', 'joined'] as const) {
    const { model, told, asked } = scene([notResident(), ran()], () => Promise.resolve({ start, loadId: 'load-7' }));
    await model.run(INPUTS);
    assert.deepEqual(asked, ['pool-1 DIGITS']);
    assert.deepEqual([told[0]?.start, told[0]?.loadId], [start, 'load-7']);
  }
});

test('a pool that is evicted between the load and the run is asked for again', async () => {
  const starts: Acquired[] = [{ start: 'cold', loadId: 'load-1' }, { start: 'joined', loadId: 'load-2' }];
  const { model, told, asked } = scene([notResident(), notResident(), ran()], () => Promise.resolve(starts.shift() ?? { start: 'warm' }));
  await model.run(INPUTS);
  assert.equal(asked.length, 2);
  assert.deepEqual([told[0]?.start, told[0]?.loadId], ['cold', 'load-2']);
});

test('a load that fails, a full queue and a wrong tensor keep their codes, and the run is told', async () => {
  const failing = scene([notResident()], () => Promise.reject(new PilotlightError('LOAD_FAILED', 'x')));
  await assert.rejects(failing.model.run(INPUTS), { code: 'LOAD_FAILED' });
  assert.equal(failing.told[0]?.errorCode, 'LOAD_FAILED');
  for (const code of ['QUEUE_FULL', 'BAD_TENSOR'] as const) {
    const { model, told } = scene([new PilotlightError(code, 'x')]);
    await assert.rejects(model.run(INPUTS), { code });
    assert.equal(told[0]?.errorCode, code);
  }
});

test('a wrong tensor is told with the binding whose model it was for', async () => {
  await assert.rejects(scene([new PilotlightError('BAD_TENSOR', 'input "x" is missing')]).model.run(INPUTS), { message: 'env.DIGITS.run: input "x" is missing' });
});

test("an engine's error without a code becomes ENGINE_FAILED and names the binding", async () => {
  await assert.rejects(scene([new Error('odd')]).model.run(INPUTS), { code: 'ENGINE_FAILED', message: /env\.DIGITS.*odd/ });
});

test('a run ends with its request, with its own signal, and no later than either deadline', async () => {
  const byRequest = scene(['hangs']);
  const first = byRequest.model.run(INPUTS);
  byRequest.abort.abort(new DOMException('gone', 'AbortError'));
  await assert.rejects(first, { name: 'AbortError' });
  const bySignal = scene(['hangs']);
  const own = new AbortController();
  const second = bySignal.model.run(INPUTS, { signal: own.signal });
  own.abort(new Error('enough'));
  await assert.rejects(second, /enough/);
  assert.equal(bySignal.abort.signal.aborted, false);
  const { model, options, deadlineMs } = scene([ran(), ran(), ran()]);
  await model.run(INPUTS);
  await model.run(INPUTS, { timeoutMs: 1000 });
  await model.run(INPUTS, { timeoutMs: 1_000_000 });
  assert.deepEqual([options[0]?.deadlineMs, options[2]?.deadlineMs], [deadlineMs, deadlineMs]);
  assert.ok((options[1]?.deadlineMs ?? 0) <= monotonicMs() + 1000);
});

test('fault 26: who leaves while his pool loads waits no longer, and the load is not his to cancel', async () => {
  let settle: ((acquired: Acquired) => void) | undefined;
  const { model, abort, told, options } = scene([notResident(), ran()], () => new Promise((resolve) => { settle = resolve; }));
  const run = model.run(INPUTS);
  await new Promise((resolve) => { setImmediate(resolve); });
  abort.abort(new DOMException('gone', 'AbortError'));
  await assert.rejects(run, { name: 'AbortError' });
  settle?.({ start: 'cold' });
  await new Promise((resolve) => { setImmediate(resolve); });
  assert.equal(options.length, 1, 'nothing runs for a caller who left');
  assert.equal(told.length, 1);
});

test('a load that outlasts the deadline is a DEADLINE', async () => {
  const { model } = scene([notResident()], () => new Promise(() => undefined));
  await assert.rejects(model.run(INPUTS, { timeoutMs: 20 }), { code: 'DEADLINE' });
});

test('a lease holds a pool that had to be loaded, and is given back once', async () => {
  const { model, leases, asked } = scene([notResident(), ran()]);
  const lease = await model.acquire();
  assert.deepEqual(leases, [lease]);
  lease[Symbol.dispose]();
  lease.release();
  assert.deepEqual(asked, ['pool-1 DIGITS', 'released']);
});

test('a preload that fails is nobody’s unhandled rejection', async () => {
  const { model, asked } = scene([notResident(), notResident()], () => Promise.reject(new PilotlightError('LOAD_FAILED', 'x')));
  model.preload();
  await new Promise((resolve) => { setImmediate(resolve); });
  assert.deepEqual(asked, ['pool-1 DIGITS']);
});

test('a run beside a preload is told after the load that made its request cold', async () => {
  const { model, told } = scene([notResident(), notResident(), ran(), ran()], async () => ({ start: 'cold', loadId: 'l1' }));
  model.preload();
  await model.run(INPUTS);
  assert.deepEqual(told.map(({ start, loadId }) => [start, loadId]), [['cold', 'l1'], ['warm', undefined]]);
});
