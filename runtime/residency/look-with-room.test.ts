import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { EvictionRecord } from '../records.ts';
import { PoolResidency } from './residency.ts';

async function setUp(t: TestContext, fileBytes: number) {
  const folder = await mkdtemp(join(tmpdir(), 'look-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'm.plan');
  await writeFile(path, Buffer.alloc(fileBytes));
  const [engine, clock, evictions] = [new FakeEngine(), new ManualClock(), [] as EvictionRecord[]];
  engine.weightsOf = () => 600;
  const residency = new PoolResidency({
    engine, clock, loadWaitersMax: 1, loadTimeoutMs: 1000, residencyMinMs: 0, devices: [{ device: 'cpu', budgetBytes: 1 }, { device: 'gpu:0', budgetBytes: 1000 }],
    onLoad: () => {}, onEvict: (record) => evictions.push(record),
  });
  const spec = { key: 'other', backend: 'tensorrt', path: '/other.plan', device: 'gpu:0', slots: 1, threads: 1, queue: { max: 1, timeoutMs: 1 } } as const;
  residency.declare('other@1', [{ spec, function: 'other', binding: 'M', residency: 'lru', bytes: 600, warm: { id: '', runs: 2, samples: async () => [] } }]);
  const gpu = () => residency.devices().find(({ device }) => device === 'gpu:0');
  return { path, engine, evictions, residency, gpu };
}

test('what is loaded only to be looked at is in the device\'s ledger meanwhile, and out of it after', async (t) => {
  const { path, engine, residency, gpu } = await setUp(t, 100);
  engine.before = () => assert.deepEqual([gpu()?.reservedBytes, gpu()?.freeBytes], [160, 840]);
  assert.equal(await residency.inspect(path, 'tensorrt', 'gpu:0'), engine.signature);
  assert.equal(gpu()?.freeBytes, 1000);
  engine.before = () => { throw new Error('a broken plan'); };
  await assert.rejects(residency.inspect(path, 'tensorrt', 'gpu:0'), /a broken plan/);
  assert.equal(gpu()?.freeBytes, 1000);
});

test('it takes the room of idle models, and one that can never have room is refused', async (t) => {
  const { path, evictions, residency } = await setUp(t, 400);
  await residency.ensure('other', { reason: 'request', function: 'other', binding: 'M' });
  await residency.inspect(path, 'tensorrt', 'gpu:0');
  assert.deepEqual(evictions.map(({ pool, for: whom }) => [pool, whom]), [['other', 'a look at a model']]);
  await writeFile(path, Buffer.alloc(1000));
  await assert.rejects(residency.inspect(path, 'tensorrt', 'gpu:0'), { code: 'NEVER_FITS', message: /a look at .*m\.plan needs .* on gpu:0/ });
});

test('a look that needs no device takes none of its room', async (t) => {
  const { path, residency } = await setUp(t, 10_000);
  await residency.inspect(path, 'onnxruntime');
});
