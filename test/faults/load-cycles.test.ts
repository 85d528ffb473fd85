// A model loaded, run and unloaded ten thousand times through the real native core: what it takes must be what it gives back.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { realClock } from '../../runtime/clock.ts';
import { NativeClient } from '../../runtime/engine/native-client.ts';
import { NativeEngine } from '../../runtime/engine/native-engine.ts';
import { PoolResidency } from '../../runtime/residency/residency.ts';
import { slopeOf } from '../bench/measure.ts';
import { fakeModel } from '../support/function-folder.ts';

const CYCLES = 10_000;
const MODEL_BYTES = 256 * 1024;
const DEADLINE_MS = 60_000;
/** Caches fill and threads start in the first ones. */
const SETTLED_AFTER = 2_000;
/** Nothing that a cycle takes is smaller than this; a leak of one would be a slope of all of it. */
const SLOPE_BYTES_MAX = 1024;

const folder = mkdtempSync(join(tmpdir(), 'pilotlight-cycles-'));
after(() => rmSync(folder, { recursive: true }));

test('fault 37: ten thousand loads, runs and unloads: ledger and device agree after each, threads and descriptors stay, memory has no slope', { timeout: 120_000 }, async () => {
  const [engine, client] = [new NativeEngine(), new NativeClient()];
  const path = join(folder, 'model.fake');
  writeFileSync(path, fakeModel([`weights-bytes ${MODEL_BYTES}`, 'slot-bytes 4096']));
  const spec = { key: 'cycled', backend: 'fake', path, device: 'cpu', slots: 1, threads: 1, queue: { max: 1, timeoutMs: DEADLINE_MS } } as const;
  const plan = { spec, function: 'cycled', binding: 'M', residency: 'lru', bytes: 1, warm: { id: 'zeros', runs: 2, samples: async () => [] } } as const;
  const residency = new PoolResidency({
    engine, clock: realClock, loadWaitersMax: 1, loadTimeoutMs: DEADLINE_MS, residencyMinMs: 0, devices: [{ device: 'cpu', budgetBytes: 2 * MODEL_BYTES }], onLoad: () => {},
  });
  const { signature } = await engine.load(spec);
  await engine.unload(spec.key);
  const inputs = { x: { type: 'float32', shape: [1], data: Float32Array.of(1) } } as const;
  const count = (what: 'task' | 'fd'): number => readdirSync(`/proc/self/${what}`).length;
  const resident: number[] = [];
  let started: readonly number[] = [];
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    residency.declare('cycled@1', [plan]);
    await residency.ensure(spec.key, { reason: 'request', function: 'cycled', binding: 'M' });
    await client.run(spec.key, signature, inputs, { deadlineMs: realClock.nowMs() + DEADLINE_MS });
    const [loaded] = residency.devices();
    assert.deepEqual([loaded?.driftBytes, loaded?.weightsBytes], [0, MODEL_BYTES], `cycle ${cycle}`);
    await residency.forget('cycled@1');
    assert.equal(residency.devices()[0]?.freeBytes, 2 * MODEL_BYTES, `cycle ${cycle}`);
    if (cycle < SETTLED_AFTER) continue;
    if (cycle === SETTLED_AFTER) started = [count('task'), count('fd')];
    if (cycle % 50 === 0) resident.push(process.memoryUsage.rss() - process.memoryUsage().heapTotal);
  }
  assert.deepEqual([count('task'), count('fd')], started);
  const slope = slopeOf(resident) / 50;
  assert.ok(slope <= SLOPE_BYTES_MAX, `each cycle leaves ${slope.toFixed(0)} bytes`);
});
