// What every backend promises behind the engine port: one suite, run against each of them.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, mock, test } from 'node:test';
import { monotonicMs } from '../../runtime/clock.ts';
import { NativeClient } from '../../runtime/engine/native-client.ts';
import { NativeEngine } from '../../runtime/engine/native-engine.ts';
import type { LoadedPool, PoolSpec, RunOptions } from '../../runtime/engine/port.ts';
import { ELEMENT_TYPES, type ElementType, type Tensor, type TensorData, type Tensors } from '../../runtime/engine/tensor.ts';
import { DOUBLE_FOLDER } from '../support/nvidia-double.ts';
import { BACKENDS, forgetDouble } from './backends.ts';

after(forgetDouble);

const PATIENCE_MS = 30_000;
/** Generous: nothing here is meant to time out by it. */
const soon = (): RunOptions => ({ deadlineMs: monotonicMs() + PATIENCE_MS });
const rowOf = (...numbers: number[]): Tensor => ({ type: 'float32', shape: [numbers.length / 2, 2], data: Float32Array.from(numbers) });
const square = (): Tensors => ({ x: { type: 'float32', shape: [384, 384], data: new Float32Array(384 * 384) } });

for (const models of BACKENDS) {
  describe(`${models.backend} behind the engine port`, () => {
    const engine = new NativeEngine({ cudaDriver: DOUBLE_FOLDER, tensorrtLibrary: DOUBLE_FOLDER });
    const { device = 'cpu', types = Object.keys(ELEMENT_TYPES) as ElementType[], anyRows } = models;
    const client = new NativeClient();
    let folder = '';
    let count = 0;
    const open = new Set<string>();

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'pilotlight-engine-'));
    });
    after(async () => {
      for (const key of open) await close(key);
      await rm(folder, { recursive: true });
    });

    async function specOf(content: string | Uint8Array, options: Partial<PoolSpec> = {}): Promise<PoolSpec> {
      const path = join(folder, `model-${++count}`);
      await writeFile(path, content);
      return { key: `${models.backend} ${count}`, backend: models.backend, path, device, slots: 1, threads: 1, queue: { max: 64, timeoutMs: PATIENCE_MS }, ...options };
    }

    async function start(content: string | Uint8Array, options: Partial<PoolSpec> = {}): Promise<LoadedPool & { key: string }> {
      const spec = await specOf(content, options);
      const loaded = await engine.load(spec);
      engine.open(spec.key);
      open.add(spec.key);
      if (content === models.endless) models.hold?.();
      return { ...loaded, key: spec.key };
    }

    /** Frees a pool whose last runs may still be on their way out. */
    async function close(key: string): Promise<void> {
      const endMs = monotonicMs() + PATIENCE_MS;
      models.letGo?.();
      while (engine.retire(key) === 'busy') {
        assert.ok(monotonicMs() < endMs, `${key} is still busy`);
        await new Promise((resolve) => { setImmediate(resolve); });
      }
      await engine.unload(key);
      open.delete(key);
    }

    async function untilBusy(key: string, slots = 1): Promise<void> {
      const endMs = monotonicMs() + PATIENCE_MS;
      while (engine.stats().find((pool) => pool.key === key)?.busy !== slots) {
        assert.ok(monotonicMs() < endMs, `${key} never began to run`);
        await new Promise((resolve) => { setImmediate(resolve); });
      }
    }

    test('the backend is available here', () => {
      const capability = engine.capabilities().find(({ backend }) => backend === models.backend);
      assert.equal(capability?.available, true, capability?.reason);
      assert.match(capability?.version ?? '', /^\d/);
    });

    test('a signature can be read without keeping the model', async () => {
      const spec = await specOf(models.echo('int64'));
      const tensor = { type: 'int64', shape: [anyRows, 2] };
      assert.deepEqual(await engine.inspect(spec.path, spec.backend, device), { inputs: [{ name: 'x', ...tensor }], outputs: [{ name: 'y', ...tensor }] });
      assert.equal(engine.retire(spec.key), 'absent');
    });

    test('a load tells signature, memory and its steps in order', async () => {
      const beganMs = monotonicMs();
      const { signature, memory, steps, key } = await start(models.echo('float32'));
      assert.deepEqual(signature.outputs, [{ name: 'y', type: 'float32', shape: [anyRows, 2] }]);
      assert.ok(memory.weightsBytes >= 0 && memory.scratchBytes >= 0);
      assert.deepEqual(steps.map(({ name }) => name), ['read', 'create', 'slots']);
      const stamps = [beganMs - 1, ...steps.flatMap(({ startMs, endMs }) => [startMs, endMs]), monotonicMs() + 1];
      assert.deepEqual(stamps, [...stamps].sort((a, b) => a - b));
      await close(key);
    });

    for (const type of types) {
      test(`a run gives ${type} back as it was sent`, async () => {
        const { key, signature } = await start(models.echo(type));
        const data = sampleOf(type);
        const { outputs } = await client.run(key, signature, { x: { type, shape: [2, 2], data } }, soon());
        assert.deepEqual(outputs, { y: { type, shape: [2, 2], data } });
        await close(key);
      });
    }

    test('a bool is 0 or 1, whatever byte was sent', async () => {
      const { key, signature } = await start(models.echo('bool'));
      const { outputs } = await client.run(key, signature, { x: { type: 'bool', shape: [1, 2], data: Uint8Array.of(7, 0) } }, soon());
      assert.deepEqual(outputs['y']?.data, Uint8Array.of(1, 0));
      await close(key);
    });

    test('inputs are copied at submit: what the caller does with its buffer later changes nothing', async () => {
      const { key, signature } = await start(models.echo('float32'));
      for (const rows of [2, 200_000]) {
        const data = new Float32Array(rows * 2).fill(7);
        const run = client.run(key, signature, { x: { type: 'float32', shape: [rows, 2], data } }, soon());
        data.fill(8);
        structuredClone(data.buffer, { transfer: [data.buffer] });
        const { outputs } = await run;
        assert.deepEqual(outputs['y']?.data, new Float32Array(rows * 2).fill(7));
      }
      await close(key);
    });

    test('views of any kind of memory are read right', async () => {
      const { key, signature } = await start(models.echo('uint8'));
      for (const rows of [3, 50_000]) {
        const bytes = Uint8Array.from({ length: rows * 2 }, (_, i) => i % 251);
        const shared = new Uint8Array(new SharedArrayBuffer(rows * 2 + 1), 1);
        const resizable = new Uint8Array(Reflect.construct(ArrayBuffer, [rows * 2 + 3, { maxByteLength: rows * 4 }]) as ArrayBuffer, 3);
        for (const view of [Buffer.concat([Buffer.of(0), bytes]).subarray(1), shared, resizable]) {
          view.set(bytes);
          const { outputs } = await client.run(key, signature, { x: { type: 'uint8', shape: [rows, 2], data: view } }, soon());
          assert.deepEqual(outputs['y']?.data, bytes);
        }
      }
      await close(key);
    });

    test('many runs at once each get their own result', async () => {
      const { key, signature } = await start(models.echo('float32'), { slots: 3, queue: { max: 2000, timeoutMs: PATIENCE_MS } });
      const results = await Promise.all(Array.from({ length: 1000 }, (_, i) => client.run(key, signature, { x: rowOf(i, -i) }, soon())));
      const arrays = results.map(({ outputs }) => outputs['y']?.data as Float32Array);
      for (const [i, data] of arrays.entries()) assert.deepEqual([data[0], data[1]], [i, i === 0 ? -0 : -i]);
      assert.equal(new Set(arrays.map(({ buffer }) => buffer)).size, 1000);
      await close(key);
    });

    test('runs arrive although somebody has put timers of his own in the place of the global ones', async () => {
      const { key, signature } = await start(models.echo('float32'), { queue: { max: 2000, timeoutMs: PATIENCE_MS } });
      mock.timers.enable();
      try {
        const runs = Array.from({ length: 1000 }, (_, i) => client.run(key, signature, { x: rowOf(i, i) }, { deadlineMs: Infinity }));
        for (const [i, { outputs }] of (await Promise.all(runs)).entries()) assert.equal(outputs['y']?.data[0], i);
      } finally {
        mock.timers.reset();
      }
      await close(key);
    });

    test('only wanted outputs are given, and an unknown one is refused', async () => {
      const { key, signature } = await start(models.twoOutputs);
      const x: Tensor = { type: 'float32', shape: [2], data: Float32Array.of(1, 2) };
      const { outputs } = await client.run(key, signature, { x }, { ...soon(), outputs: ['second'] });
      assert.deepEqual(outputs, { second: x });
      await assert.rejects(client.run(key, signature, { x }, { ...soon(), outputs: ['third'] }), { code: 'BAD_TENSOR', message: /"third".*"first", "second"/ });
      await close(key);
    });

    test('a wrong input is refused before anything is sent', async () => {
      const { key, signature } = await start(models.echo('float32'));
      await assert.rejects(client.run(key, signature, { z: rowOf(1, 2) }, soon()), { code: 'BAD_TENSOR', message: /"z"/ });
      assert.equal(engine.stats().find((pool) => pool.key === key)?.hits, 0);
      await close(key);
    });

    if (types.includes('string')) test('an input that runs a model while it is being read is refused, and the first run goes on', async () => {
      const { key, signature } = await start(models.echo('string'));
      const other = await start(models.echo('float32'));
      for (const [nested, input] of [[other, { x: rowOf(1, 2) }], [{ key, signature }, { x: { type: 'string', shape: [1, 2], data: ['c', 'd'] } }]] as [LoadedPool & { key: string }, Tensors][]) {
        const refusals: Promise<void>[] = [];
        const data = ['', 'b'];
        Object.defineProperty(data, 0, {
          get() {
            refusals.push(assert.rejects(client.run(nested.key, nested.signature, input, soon()), { code: 'BAD_TENSOR', message: /while it was being read/ }));
            return 'a';
          },
        });
        const { outputs } = await client.run(key, signature, { x: { type: 'string', shape: [1, 2], data } }, soon());
        assert.deepEqual(outputs['y']?.data, ['a', 'b']);
        assert.ok(refusals.length > 0);
        await Promise.all(refusals);
      }
      await close(key);
      await close(other.key);
    });

    test('a pool takes runs from open to retire, and warm-ups from load to unload', async () => {
      const spec = await specOf(models.echo('float32'), { slots: 2 });
      const { signature } = await engine.load(spec);
      const run = () => client.run(spec.key, signature, { x: rowOf(1, 2) }, soon());
      const warm = (slot: number) => engine.runOnSlot(spec.key, slot, { x: rowOf(3, 4) }, soon());
      await assert.rejects(run(), { code: 'NOT_RESIDENT' });
      assert.deepEqual((await warm(1)).outputs['y'], rowOf(3, 4));
      engine.open(spec.key);
      await run();
      await warm(0);
      assert.equal(engine.retire(spec.key), 'retired');
      assert.equal(engine.retire(spec.key), 'absent');
      await assert.rejects(run(), { code: 'NOT_RESIDENT' });
      await warm(0);
      await engine.unload(spec.key);
      await assert.rejects(warm(0), { code: 'NOT_RESIDENT' });
    });

    test('a run on one slot is no use of the pool: it holds nothing, is in no count and no stamp, and leaves the other slots to jobs', async () => {
      const { key, signature } = await start(models.endless, { slots: 2 });
      const given = new AbortController();
      const warm = engine.runOnSlot(key, 0, square(), { ...soon(), signal: given.signal });
      await untilBusy(key);
      const { hits, runs, failures, lastUsedMs } = engine.stats().find((pool) => pool.key === key) ?? {};
      assert.deepEqual([hits, runs, failures, lastUsedMs, engine.retire(key)], [0, 0, 0, 0, 'retired']);
      engine.open(key);
      const job = client.run(key, signature, square(), { ...soon(), signal: given.signal });
      await untilBusy(key, 2);
      given.abort();
      for (const { status } of await Promise.allSettled([warm, job])) assert.equal(status, 'rejected');
      assert.equal(engine.stats().find((pool) => pool.key === key)?.hits, 1);
      await close(key);
    });

    test('a pool that is held or runs is not retired', async () => {
      const { key, signature } = await start(models.endless);
      const hold = client.hold(key);
      assert.equal(engine.retire(key), 'busy');
      const given = new AbortController();
      const run = client.run(key, signature, square(), { ...soon(), signal: given.signal });
      hold.release();
      hold.release();
      assert.equal(engine.retire(key), 'busy');
      given.abort();
      await assert.rejects(run, { name: 'AbortError' });
      await close(key);
      assert.throws(() => client.hold(key), { code: 'NOT_RESIDENT' });
    });

    test('a queue takes as many as it may, and names itself when it is full', async () => {
      const { key, signature } = await start(models.endless, { queue: { max: 1, timeoutMs: PATIENCE_MS } });
      const given = new AbortController();
      const run = () => client.run(key, signature, square(), { ...soon(), signal: given.signal });
      const running = [run()];
      await untilBusy(key);
      running.push(run());
      await assert.rejects(run(), { code: 'QUEUE_FULL' });
      given.abort();
      for (const { status } of await Promise.allSettled(running)) assert.equal(status, 'rejected');
      await close(key);
    });

    test('who waits longer than the queue allows is told so', async () => {
      const { key, signature } = await start(models.endless, { queue: { max: 4, timeoutMs: 1 } });
      const given = new AbortController();
      const running = engine.runOnSlot(key, 0, square(), { ...soon(), signal: given.signal }); // a warm-up may wait
      await untilBusy(key);
      await assert.rejects(client.run(key, signature, square(), soon()), { code: 'QUEUE_TIMEOUT' });
      given.abort();
      await assert.rejects(running, { name: 'AbortError' });
      await close(key);
    });

    test('a deadline ends a run that waits, one that runs, and one that comes late', async () => {
      const { key, signature } = await start(models.endless);
      const deadlineMs = monotonicMs() + 100;
      const running = client.run(key, signature, square(), { deadlineMs });
      const waiting = client.run(key, signature, square(), { deadlineMs: monotonicMs() + 20 });
      await assert.rejects(waiting, { code: 'DEADLINE' });
      while (models.letGo !== undefined && monotonicMs() < deadlineMs) await new Promise((resolve) => { setImmediate(resolve); });
      models.letGo?.();
      await assert.rejects(running, { code: 'DEADLINE' });
      await assert.rejects(client.run(key, signature, square(), { deadlineMs: monotonicMs() - 1 }), { code: 'DEADLINE' });
      await close(key);
    });

    test('a signal ends a run that waits and one that runs, with its own reason, and the slot comes free', async () => {
      const { key, signature } = await start(models.endless);
      const given = [new AbortController(), new AbortController()];
      const runs = given.map(({ signal }) => client.run(key, signature, square(), { ...soon(), signal }));
      await untilBusy(key);
      for (const controller of given.toReversed()) controller.abort(new Error('the caller left'));
      for (const run of runs) await assert.rejects(run, { message: 'the caller left' });
      await assert.rejects(client.run(key, signature, square(), { ...soon(), signal: AbortSignal.abort() }), { name: 'AbortError' });
      await close(key);
    });

    test('a signal that many runs share has one listener while they last and none after', async () => {
      const { key, signature } = await start(models.echo('float32'));
      const { signal } = new AbortController();
      const runs = Array.from({ length: 50 }, () => client.run(key, signature, { x: rowOf(1, 2) }, { ...soon(), signal }));
      assert.equal(getEventListeners(signal, 'abort').length, 1);
      await Promise.all(runs);
      assert.deepEqual(getEventListeners(signal, 'abort'), []);
      await close(key);
    });

    test('the stamps of a run are in order, on the clock of all threads', async () => {
      const { key, signature } = await start(models.echo('float32'));
      const beganMs = monotonicMs();
      const { submittedMs, startedMs, endedMs } = await client.run(key, signature, { x: rowOf(1, 2) }, soon());
      const stamps = [beganMs - 1, submittedMs, startedMs, endedMs, monotonicMs() + 1];
      assert.deepEqual(stamps, [...stamps].sort((a, b) => a - b));
      await close(key);
    });

    test('statistics count what was taken, missed and run', async () => {
      const { key, signature } = await start(models.echo('float32'), { slots: 2 });
      await client.run(key, signature, { x: rowOf(1, 2) }, soon());
      await client.run(key, signature, { x: rowOf(1, 2) }, soon());
      engine.retire(key);
      await assert.rejects(client.run(key, signature, { x: rowOf(1, 2) }, soon()));
      const stats = engine.stats().find((pool) => pool.key === key);
      assert.deepEqual([stats?.slots, stats?.hits, stats?.misses, stats?.runs, stats?.failures], [2, 2, 1, 2, 0]);
      assert.ok(stats !== undefined && stats.lastUsedMs <= monotonicMs() && stats.lastUsedMs > monotonicMs() - PATIENCE_MS);
      await close(key);
    });

    test('fault 4: a file that is no model is refused as such and leaves nothing', async () => {
      const spec = await specOf(models.broken);
      await assert.rejects(engine.load(spec), (error: { code?: string; message?: string }) => error.code === 'BAD_MODEL' && error.message?.includes(spec.path) === true);
      await assert.rejects(engine.inspect(spec.path, spec.backend, device), { code: 'BAD_MODEL' });
      assert.throws(() => engine.open(spec.key), { code: 'NOT_RESIDENT' });
    });

    test('a file that does not exist is named', async () => {
      const spec = { ...await specOf(''), path: join(folder, 'nowhere') };
      await assert.rejects(engine.load(spec), { message: /nowhere/ });
    });

    test('a pool can be loaded again after it was unloaded', async () => {
      const spec = await specOf(models.echo('float32'));
      for (let round = 0; round < 3; round++) {
        const { signature } = await engine.load(spec);
        engine.open(spec.key);
        assert.deepEqual((await client.run(spec.key, signature, { x: rowOf(1, 2) }, soon())).outputs['y'], rowOf(1, 2));
        await close(spec.key);
      }
    });
  });
}

/** Four odd values of the type. */
function sampleOf(type: ElementType): TensorData {
  if (type === 'string') return ['', 'ü', 'a\u0000b', '😀'.repeat(100)];
  if (type === 'bool') return Uint8Array.of(1, 0, 0, 1);
  if (type === 'int64') return BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n);
  if (type === 'uint64') return BigUint64Array.of(2n ** 64n - 1n, 0n, 1n, 2n ** 53n + 1n);
  const array = ELEMENT_TYPES[type].array as Float32ArrayConstructor;
  return array.of(0, 1, 100, 127);
}
