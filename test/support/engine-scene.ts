// Scenes of life and death of threads with runs in flight. Each is a process of its own, because what they must not do is end it:
// `node engine-scene.js SCENE` plays one, prints what it saw and exits with 0. The same file is the workers' entry.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { monotonicMs } from '../../runtime/clock.ts';
import type { PilotlightError } from '../../runtime/errors.ts';
import type { NativeClient } from '../../runtime/engine/native-client.ts';
import type { NativeEngine } from '../../runtime/engine/native-engine.ts';
import type { PoolSpec, RunResult } from '../../runtime/engine/port.ts';
import type { Signature, Tensors } from '../../runtime/engine/tensor.ts';

/** What a worker of a scene is to do. */
interface Part {
  readonly does: 'runs for ever' | 'exits with runs in flight' | 'runs once' | 'holds' | 'loads' | 'hangs alone';
  readonly spec: PoolSpec;
}

const SIGNATURE: Signature = {
  inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
  outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
};
const WORKERS = 128;
const AT_ONCE = 8;
const IN_FLIGHT = 32;
const PATIENCE_MS = 60_000;

const SCENES: Readonly<Record<string, () => Promise<void>>> = {
  workersDie, workersExit, exitInFlight, exitWhenIdle, workersShare, holderDies, loaderDies, onlyWorkers, libraryMissing, listenerThrows,
};

/** Imported late: a scene shows what happens when only workers have opened the addon. */
async function openEngine(): Promise<{ engine: NativeEngine; client: NativeClient }> {
  const [{ NativeEngine }, { NativeClient }] = await Promise.all([import('../../runtime/engine/native-engine.ts'), import('../../runtime/engine/native-client.ts')]);
  return { engine: new NativeEngine(), client: new NativeClient() };
}

const folder = isMainThread ? mkdtempSync(join(tmpdir(), 'pilotlight-scene-')) : '';
process.on('exit', () => {
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

function specOf(script: string): PoolSpec {
  const path = join(folder, 'model');
  writeFileSync(path, `pilotlight-fake 1\ninput x float32 [n]\noutput y float32 [n]\n${script}\n`);
  return { key: 'scene', backend: 'fake', path, device: 'cpu', slots: 4, threads: 1, queue: { max: 4096, timeoutMs: PATIENCE_MS } };
}

function inputOf(value: number): Tensors {
  return { x: { type: 'float32', shape: [1], data: Float32Array.of(value) } };
}

function run(client: NativeClient, { key }: PoolSpec, value = 1): Promise<RunResult> {
  return client.run(key, SIGNATURE, inputOf(value), { deadlineMs: monotonicMs() + PATIENCE_MS });
}

/** A worker and the end of its first message; `gone` resolves to its exit code. */
function play(part: Part): { readonly worker: Worker; readonly told: Promise<unknown>; readonly gone: Promise<number> } {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: part });
  const told = new Promise<unknown>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return { worker, told, gone: new Promise((resolve) => { worker.once('exit', resolve); }) };
}

async function untilRetired(engine: NativeEngine, key: string): Promise<void> {
  const endMs = monotonicMs() + PATIENCE_MS;
  while (engine.retire(key) === 'busy') {
    if (monotonicMs() > endMs) throw new Error(`${key} is held for ever`);
    await new Promise((resolve) => { setImmediate(resolve); });
  }
}

async function workersDie(): Promise<void> {
  const { engine, client } = await openEngine();
  const spec = specOf('run-ms 1');
  await engine.load(spec);
  engine.open(spec.key);
  for (let wave = 0; wave < WORKERS / AT_ONCE; wave++) {
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      const { worker, told } = play({ does: 'runs for ever', spec });
      await told;
      await worker.terminate();
    }));
  }
  const { outputs } = await run(client, spec, 7);
  await untilRetired(engine, spec.key);
  await engine.unload(spec.key);
  console.log(`${WORKERS} workers died, then ${String(outputs['y']?.data[0])}`);
}

async function workersExit(): Promise<void> {
  const { engine } = await openEngine();
  const spec = specOf('run-ms 1');
  await engine.load(spec);
  engine.open(spec.key);
  const codes = await Promise.all(Array.from({ length: AT_ONCE }, () => play({ does: 'exits with runs in flight', spec }).gone));
  await untilRetired(engine, spec.key);
  console.log(`exited with ${codes.join(' ')}`);
}

async function exitInFlight(): Promise<void> {
  const { engine, client } = await openEngine();
  const spec = specOf('hang');
  await engine.load(spec);
  engine.open(spec.key);
  for (let i = 0; i < IN_FLIGHT; i++) run(client, spec).catch(() => {});
  console.log('exits');
  process.exit(0);
}

/** Nothing but the run keeps the process awake, and nothing after it. */
async function exitWhenIdle(): Promise<void> {
  const { engine, client } = await openEngine();
  const spec = specOf('run-ms 100');
  await engine.load(spec);
  engine.open(spec.key);
  const { outputs } = await run(client, spec, 5);
  console.log(`ran ${String(outputs['y']?.data[0])}`);
}

async function workersShare(): Promise<void> {
  const { engine } = await openEngine();
  const spec = specOf('weights-bytes 1000');
  await engine.load(spec);
  engine.open(spec.key);
  const parts = [play({ does: 'runs once', spec }), play({ does: 'runs once', spec })];
  const told = await Promise.all(parts.map((part) => part.told));
  await Promise.all(parts.map(({ gone }) => gone));
  const stats = engine.stats();
  console.log(`told ${told.join(' ')}, ${stats.length} pool, ${String(stats[0]?.runs)} runs`);
}

async function holderDies(): Promise<void> {
  const { engine } = await openEngine();
  const spec = specOf('');
  await engine.load(spec);
  engine.open(spec.key);
  const { worker, told } = play({ does: 'holds', spec });
  await told;
  const held = engine.retire(spec.key);
  await worker.terminate();
  console.log(`${held}, then ${engine.retire(spec.key)}`);
}

async function loaderDies(): Promise<void> {
  const { engine, client } = await openEngine();
  const spec = specOf('load-ms 100');
  const { worker, told } = play({ does: 'loads', spec: { ...spec, key: 'orphan' } });
  await told;
  await worker.terminate();
  await engine.load(spec); // one loader: after this the orphan is loaded too
  engine.open(spec.key);
  await engine.unload('orphan');
  console.log(`loaded ${String((await run(client, spec, 9)).outputs['y']?.data[0])}`);
}

/** Node unloads an addon with the last worker that opened it, while a slot's thread still runs in it. */
async function onlyWorkers(): Promise<void> {
  const spec = specOf('run-ms 50');
  for (let i = 0; i < 3; i++) {
    const { worker, told } = play({ does: 'hangs alone', spec: { ...spec, key: `scene ${i}` } });
    await told;
    await worker.terminate();
  }
  const { engine } = await openEngine();
  await untilRetired(engine, 'scene 0');
  console.log('still here');
}

async function libraryMissing(): Promise<void> {
  const { NativeEngine } = await import('../../runtime/engine/native-engine.ts');
  const engine = new NativeEngine({ onnxruntimeLibrary: '/nowhere/libonnxruntime.so.1' });
  const capability = engine.capabilities().find(({ backend }) => backend === 'onnxruntime');
  const failure = await engine.load({ ...specOf(''), backend: 'onnxruntime' }).catch((error: unknown) => error as PilotlightError);
  console.log(JSON.stringify({ available: capability?.available, reason: capability?.reason, failure: 'code' in failure ? [failure.code, failure.message] : [] }));
}

/** A listener of the scene's own, which throws at its first answer and at its first promise to come again. */
async function listenerThrows(): Promise<void> {
  const { loadAddon } = await import('../../runtime/engine/addon.ts');
  const addon = loadAddon();
  const { path } = specOf('');
  const seen: string[] = [];
  process.on('uncaughtException', ({ message }) => seen.push(message));
  let answers = 0;
  let turns = 0;
  await new Promise<void>((resolve) => {
    addon.attach({
      runs: () => undefined,
      run: () => undefined,
      answer() {
        if (++answers === IN_FLIGHT) resolve();
        // Under way when this turn ends, however many have come by then: so the thread will have to come again.
        if (answers === 1) addon.inspect(IN_FLIGHT - 1, 'fake', path, 'cpu');
        if (answers === 1) throw new Error('an answer threw');
      },
      later() {
        if (++turns === 1) throw new Error('later threw');
        setImmediate(addon.turn);
      },
    });
    for (let id = 0; id < IN_FLIGHT - 1; id++) addon.inspect(id, 'fake', path, 'cpu');
  });
  console.log(`${answers} answers; ${seen.toSorted().join(', ')}`);
}

async function act({ does, spec }: Part): Promise<void> {
  const { engine, client } = await openEngine();
  const tell = (what: unknown) => parentPort?.postMessage(what);
  if (does === 'holds') {
    client.hold(spec.key);
    tell('held');
    setInterval(() => {}, PATIENCE_MS);
  } else if (does === 'loads') {
    const loading = engine.load(spec);
    tell('loading');
    await loading;
  } else if (does === 'runs once') {
    tell((await run(client, spec, 3)).outputs['y']?.data[0]);
  } else if (does === 'hangs alone') {
    await engine.load(spec);
    engine.open(spec.key);
    const runs = Array.from({ length: IN_FLIGHT }, () => run(client, spec));
    tell('hanging');
    await Promise.all(runs);
  } else {
    const lanes = Array.from({ length: IN_FLIGHT }, async () => {
      for (;;) await run(client, spec);
    });
    tell('flying');
    if (does === 'exits with runs in flight') process.exit(3);
    await Promise.all(lanes);
  }
}

if (isMainThread) {
  const scene = SCENES[argv[2] ?? ''];
  if (scene === undefined) throw new Error(`no scene ${String(argv[2])}; there are ${Object.keys(SCENES).join(', ')}`);
  await scene();
} else {
  await act(workerData as Part);
}
