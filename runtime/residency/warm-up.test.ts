import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { PoolSpec } from '../engine/port.ts';
import type { PoolPlan } from './pool-plan.ts';
import { warmUp, type WarmUpOptions } from './warm-up.ts';

function optionsFor(engine: FakeEngine, spec: Pick<PoolSpec, 'backend' | 'device' | 'slots'>): WarmUpOptions {
  const plan: PoolPlan = {
    spec: { key: 'a', path: '/model.onnx', threads: 1, queue: { max: 8, timeoutMs: 1000 }, ...spec },
    function: 'digits', binding: 'DIGITS', residency: 'lru', bytes: 10, warm: { id: 'zeros', runs: 2, samples: async () => [] },
  };
  return { plan, clock: new ManualClock(), signature: engine.signature, deadlineMs: 1000 };
}

/** The most runs that were under way at once. */
async function mostAtOnce(spec: Pick<PoolSpec, 'backend' | 'device' | 'slots'>): Promise<{ readonly most: number; readonly runs: number }> {
  const engine = new FakeEngine();
  let underWay = 0;
  let most = 0;
  engine.before = async () => {
    most = Math.max(most, ++underWay);
    await new Promise((resolve) => { setImmediate(resolve); });
    underWay--;
  };
  const records = await warmUp(engine, optionsFor(engine, spec));
  assert.equal(records.length, engine.runs.length);
  return { most, runs: records.length };
}

test('a pool is warmed one run after the other', async () => {
  assert.deepEqual(await mostAtOnce({ backend: 'onnxruntime', device: 'cpu', slots: 3 }), { most: 1, runs: 6 });
});

test('on a GPU ONNX Runtime also meets as many runs at once as it has slots, before traffic brings them', async () => {
  assert.deepEqual(await mostAtOnce({ backend: 'onnxruntime', device: 'gpu:0', slots: 3 }), { most: 3, runs: 12 });
});

test('a run that fails beside others ends the warm-up when they have ended too', async () => {
  const engine = new FakeEngine();
  let underWay = 0;
  let begun = 0;
  engine.before = async () => {
    const number = ++begun;
    underWay++;
    await new Promise((resolve) => { setImmediate(resolve); });
    if (number === 5) {
      underWay--;
      throw new Error('no memory left');
    }
    await new Promise((resolve) => { setImmediate(resolve); });
    underWay--;
  };
  await assert.rejects(warmUp(engine, optionsFor(engine, { backend: 'onnxruntime', device: 'gpu:0', slots: 2 })), { code: 'WARMUP_FAILED', message: /no memory left/ });
  assert.equal(underWay, 0);
});
