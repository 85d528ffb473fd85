import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { deploy, failsWith, footprint, setUp } from '../../test/support/rollout-fixture.ts';
import type { RolloutEvent } from './rollout-event.ts';

const OLD_LIBRARY = { models: { DIGITS: { path: 'digits.onnx' } } };
const VARIANTS = { models: { DIGITS: { variants: [{ path: 'new.onnx', when: { libraryVersion: '>=1.21' } }, { path: 'digits.onnx' }] } } };
const PICKY = { models: { DIGITS: { variants: [{ path: 'digits.engine' }, { path: 'new.onnx', when: { libraryVersion: '>=1.21' } }] } } };
const REASON = 'new.onnx: it wants onnxruntime 1.21 or later; this host has 1.20.1';

describe('a deploy of variants', () => {
  test('tells in its plan step which it takes and why not the others', async () => {
    const events: RolloutEvent[] = [];
    await deploy(setUp(), bundleOf('digits', 'one', VARIANTS), (event) => events.push(event));
    const details = events.flatMap((event) => ('step' in event && event.step === 'plan' && event.detail !== undefined ? [event.detail] : []));
    assert.ok(details.some((detail) => detail.endsWith(`; DIGITS is digits.onnx (not ${REASON})`)), details.join('\n'));
  });

  test('where none fits is refused before anything is loaded, and leaves nothing', async () => {
    const host = setUp();
    await deploy(host, bundleOf('digits', 'one', OLD_LIBRARY));
    const before = footprint(host);
    await assert.rejects(deploy(host, bundleOf('digits', 'two', PICKY)), failsWith('BAD_MODEL', 'DIGITS', REASON, 'digits.engine: backend tensorrt'));
    assert.deepEqual(footprint(host), before);
  });

  test('is planned as it would be deployed', async () => {
    const { rollout } = setUp();
    const { pools } = await rollout.plan(bundleOf('digits', 'one', VARIANTS), {});
    assert.deepEqual(pools.map(({ path, passed }) => [path, passed?.map(({ path: other, reason }) => `${other}: ${reason}`)]), [['digits.onnx', [REASON]]]);
    await assert.rejects(rollout.plan(bundleOf('digits', 'one', PICKY), {}), failsWith('BAD_MODEL', REASON));
  });
});

describe('a host that has changed', () => {
  test('chooses anew when it restarts, and when it rolls back', async () => {
    const first = setUp();
    await deploy(first, bundleOf('digits', 'one', VARIANTS));
    await deploy(first, bundleOf('digits', 'two', OLD_LIBRARY));
    const before = [...first.residency.declared.keys()];
    const second = setUp({ store: first.store });
    second.engine.capabilityList = [{ backend: 'onnxruntime', available: true, version: '1.21.0' }];
    await second.rollout.restore();
    assert.deepEqual([...second.residency.declared.keys()], before);
    await second.rollout.rollback('digits', undefined, { warming: 'warm', onEvent: () => {} });
    assert.notDeepEqual([...second.residency.declared.keys()], before);
    const third = setUp({ store: first.store });
    await third.rollout.restore();
    assert.deepEqual([...third.residency.declared.keys()], before);
  });

  test('does not start a version of which nothing fits any more, says why, and serves the others', async () => {
    const first = setUp();
    first.engine.capabilityList = [{ backend: 'onnxruntime', available: true, version: '1.21.0' }];
    await deploy(first, bundleOf('digits', 'one', PICKY));
    await deploy(first, bundleOf('other', 'one'));
    const second = setUp({ store: first.store });
    const restored = await second.rollout.restore();
    assert.deepEqual(restored.map(({ function: name, error }) => [name, error?.code, error?.message.includes(REASON)]), [['digits', 'BAD_MODEL', true], ['other', undefined, undefined]]);
    assert.equal(second.engine.loads, 0);
    assert.deepEqual(second.dataPlane.serving.map((label) => label.split('@')[0]), ['other']);
  });
});
