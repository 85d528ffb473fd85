// Threads and processes that end with runs in flight; each scene is a process of its own (test/support/engine-scene.ts).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { monotonicMs } from '../clock.ts';
import { loadAddon, wholeAddon } from './addon.ts';
import { NativeClient } from './native-client.ts';
import type { Signature, Tensors } from './tensor.ts';

const SCENES_FILE = fileURLToPath(new URL('../../test/support/engine-scene.js', import.meta.url));

/** What the scene printed; rejects when its process did not end well. */
async function play(scene: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [SCENES_FILE, scene], { timeout: 120_000, killSignal: 'SIGKILL' });
  return stdout.trim();
}

test('128 workers that are terminated with runs in flight leave the process and the pool whole', async () => {
  assert.equal(await play('workersDie'), '128 workers died, then 7');
});

test('workers that exit by themselves with runs in flight leave nothing held', async () => {
  assert.equal(await play('workersExit'), 'exited with 3 3 3 3 3 3 3 3');
});

test('a process may exit with runs in flight', async () => {
  assert.equal(await play('exitInFlight'), 'exits');
});

test('a run keeps the process awake, and an idle pool does not', async () => {
  assert.equal(await play('exitWhenIdle'), 'ran 5');
});

test('two workers share one pool', async () => {
  assert.equal(await play('workersShare'), 'told 3 3, 1 pool, 2 runs');
});

test('the holds of a worker that dies are released', async () => {
  assert.equal(await play('holderDies'), 'busy, then retired');
});

test('a worker that dies during a load leaves the loader working', async () => {
  assert.equal(await play('loaderDies'), 'loaded 9');
});

test('native threads outlive the workers that opened the addon', async () => {
  assert.equal(await play('onlyWorkers'), 'still here');
});

test('what a listener throws is an uncaught exception, and everything after it still arrives', async () => {
  assert.equal(await play('listenerThrows'), '32 answers; an answer threw, later threw');
});

test('a library that is missing is a capability that is absent, and a load says where it was looked for', async () => {
  const { available, reason, failure } = JSON.parse(await play('libraryMissing')) as { available: boolean; reason: string; failure: string[] };
  assert.equal(available, false);
  assert.match(reason, /\/nowhere\/libonnxruntime\.so\.1/);
  assert.equal(failure[0], 'LOAD_FAILED');
  assert.match(failure[1] ?? '', /\/nowhere\/libonnxruntime\.so\.1/);
});

test('an addon of another build is refused before anything waits for it', () => {
  assert.throws(() => wholeAddon({ ...loadAddon(), turn: undefined }), { code: 'ENGINE_FAILED', message: /no function "turn".*npm run set-up/ });
  assert.throws(() => wholeAddon({ ...loadAddon(), layout: 999 }), { code: 'ENGINE_FAILED', message: /layout 999, this JavaScript in \d+: run `npm run set-up`/ });
  assert.throws(() => wholeAddon({ ...loadAddon(), layout: undefined }), { code: 'ENGINE_FAILED' });
});

test('stamps of native are on the clock of this thread', () => {
  const addon = loadAddon();
  for (let i = 0; i < 10; i++) {
    const beforeMs = monotonicMs();
    const nativeMs = addon.monotonic();
    const afterMs = monotonicMs();
    assert.ok(beforeMs - 0.1 <= nativeMs && nativeMs <= afterMs + 0.1, `${nativeMs} is not between ${beforeMs} and ${afterMs}`);
  }
});

test('a run of a pool that nobody loaded is told so at once', async () => {
  const signature: Signature = { inputs: [{ name: 'x', type: 'float32', shape: [1] }], outputs: [] };
  const inputs: Tensors = { x: { type: 'float32', shape: [1], data: new Float32Array(1) } };
  const run = new NativeClient().run('nowhere', signature, inputs, { deadlineMs: Infinity });
  await assert.rejects(run, { code: 'NOT_RESIDENT', message: /nowhere/ });
});

test('what is no AbortSignal is refused before anything is submitted', async () => {
  const signature: Signature = { inputs: [{ name: 'x', type: 'float32', shape: [1] }], outputs: [] };
  const inputs: Tensors = { x: { type: 'float32', shape: [1], data: new Float32Array(1) } };
  for (const signal of ['soon', {}, null, { aborted: true }]) {
    const run = new NativeClient().run('nowhere', signature, inputs, { deadlineMs: Infinity, signal: signal as unknown as AbortSignal });
    await assert.rejects(run, { code: 'BAD_TENSOR', message: /^signal must be an AbortSignal, found / });
  }
});

test('a model with more inputs than a run can carry is refused by name', async () => {
  const inputs = Array.from({ length: 3000 }, (_, i) => ({ name: `x${i}`, type: 'float32' as const, shape: [1] }));
  await assert.rejects(new NativeClient().run('wide', { inputs, outputs: [] }, {}, { deadlineMs: Infinity }), { code: 'BAD_MODEL', message: /3000 inputs/ });
});
