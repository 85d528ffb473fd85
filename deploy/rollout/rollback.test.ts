import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { GOLDEN, MODEL, V1, V2, deploy, failsWith, footprint, idOf, setUp } from '../../test/support/rollout-fixture.ts';
import { bundleVersion } from '../bundle/bundle.ts';

describe('rollback and delete', () => {
  test('rollback goes to the version before, warms it first, and a second one goes back further', async () => {
    const host = setUp();
    const v3 = bundleOf('digits', 'three', { ...MODEL, ...GOLDEN });
    for (const bundle of [V1, V2, v3]) await deploy(host, bundle);
    host.dataPlane.sent.length = 0;
    const result = await host.rollout.rollback('digits', undefined, { warming: 'warm' });
    assert.deepEqual([result.outcome, result.version, host.dataPlane.serving], ['rolled back', bundleVersion(V2), [idOf(V2)]]);
    assert.ok(host.dataPlane.sent.length > 0 && host.dataPlane.sent.every(({ version }) => version === bundleVersion(V2)));
    await host.rollout.rollback('digits', undefined, { warming: 'warm' });
    assert.deepEqual(host.dataPlane.serving, [idOf(V1)]);
    await assert.rejects(host.rollout.rollback('digits', undefined, { warming: 'warm' }), failsWith('NO_VERSION', 'no version before'));
  });

  test('ten versions back can be gone to, one by one, each warmed before it serves', async () => {
    const host = setUp();
    const bundles = Array.from({ length: 11 }, (_, index) => bundleOf('digits', `version ${index}`, { models: { DIGITS: { path: `${index}.onnx` } }, ...GOLDEN }));
    for (const bundle of bundles) await deploy(host, bundle);
    host.dataPlane.before = (operation) => {
      if (operation === 'publish') assert.equal(host.dataPlane.sent.at(-1)?.version, host.store.state().functions['digits']?.current);
    };
    for (const bundle of bundles.toReversed().slice(1)) {
      await host.rollout.rollback('digits', undefined, { warming: 'warm' });
      assert.deepEqual([host.dataPlane.serving, host.residency.resident.size], [[idOf(bundle)], 1]);
    }
  });

  test('after a rollback and another deploy, rollback brings back what served before that deploy', async () => {
    const host = setUp();
    for (const bundle of [V1, V2]) await deploy(host, bundle);
    await host.rollout.rollback('digits', undefined, { warming: 'warm' });
    await deploy(host, bundleOf('digits', 'three', MODEL));
    assert.equal((await host.rollout.rollback('digits', undefined, { warming: 'warm' })).version, bundleVersion(V1));
  });

  test('a version is found by its first digits; an unknown one is refused with those that are kept', async () => {
    const host = setUp();
    for (const bundle of [V1, V2]) await deploy(host, bundle);
    await host.rollout.rollback('digits', bundleVersion(V1).slice(0, 8), { warming: 'warm' });
    assert.deepEqual(host.dataPlane.serving, [idOf(V1)]);
    await assert.rejects(host.rollout.rollback('digits', 'ffff0000', { warming: 'warm' }), failsWith('NO_VERSION', bundleVersion(V2).slice(0, 8)));
    await assert.rejects(host.rollout.rollback('letters', undefined, { warming: 'warm' }), failsWith('NO_FUNCTION', 'letters'));
  });

  test('fault 9: a rollback asked for during a deploy waits its turn and goes back from what that deployed', async () => {
    const host = setUp();
    await deploy(host, V1);
    const deploying = deploy(host, V2);
    const back = host.rollout.rollback('digits', undefined, { warming: 'warm' });
    assert.equal((await deploying).version, bundleVersion(V2));
    assert.equal((await back).version, bundleVersion(V1));
    assert.deepEqual(footprint(host).running, [idOf(V1)]);
  });

  test('a rollback that fails its golden requests leaves the current version serving and the old one in the store', async () => {
    const host = setUp();
    for (const bundle of [V1, V2]) await deploy(host, bundle);
    const before = footprint(host);
    host.dataPlane.answer = () => ({ status: 500, headers: {}, body: new Uint8Array(), durationMs: 1 });
    await assert.rejects(host.rollout.rollback('digits', undefined, { warming: 'warm' }), failsWith('WARMUP_FAILED'));
    assert.deepEqual(footprint(host), before);
  });

  test('delete takes routes, isolates, pools and secrets away', async () => {
    const host = setUp();
    await host.store.secrets.put('digits', 'KEY', 'value');
    await deploy(host, V1);
    assert.equal((await host.rollout.delete('digits')).outcome, 'deleted');
    const { serving, running, declared, current } = footprint(host);
    assert.deepEqual({ serving, running, declared, current }, { serving: [], running: [], declared: [], current: undefined });
    assert.deepEqual(await host.store.secrets.list('digits'), []);
    await assert.rejects(host.rollout.delete('digits'), failsWith('NO_FUNCTION', 'digits'));
  });
});
