import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PilotlightError } from '../../runtime/errors.ts';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { FakeStore } from '../../test/support/fake-store.ts';
import { V1, V2, deploy, failsWith, footprint, idOf, setUp } from '../../test/support/rollout-fixture.ts';

describe('restart and stop', () => {
  test('restore starts what is deployed, publishes it and warms its pools, pinned ones first', async () => {
    const store = new FakeStore();
    await deploy(setUp({ store }), V1);
    await deploy(setUp({ store }), bundleOf('pinned', 'x', { models: { P: { path: 'p.onnx', residency: 'pinned' } } }));
    const host = setUp({ store });
    const restored = await host.rollout.restore();
    assert.deepEqual(restored.map(({ function: name, error, warnings }) => [name, error, warnings]), [['digits', undefined, []], ['pinned', undefined, []]]);
    assert.equal(host.dataPlane.serving.length, 2);
    assert.equal(host.residency.loads[0], [...host.residency.declared].find(([, ids]) => [...ids][0]?.startsWith('pinned@'))?.[0]);
    assert.equal((await deploy(host, V1)).outcome, 'unchanged');
  });

  test('restore serves the others when one function cannot be started, and its next deploy brings it back', async () => {
    const store = new FakeStore();
    await deploy(setUp({ store }), V1);
    await deploy(setUp({ store }), bundleOf('letters', 'x'));
    const host = setUp({ store });
    host.dataPlane.before = (operation, label) => {
      if (operation === 'start' && label.startsWith('digits@')) throw new PilotlightError('BAD_HANDLER', 'it threw');
    };
    const restored = await host.rollout.restore();
    assert.equal(restored.find(({ function: name }) => name === 'digits')?.error?.code, 'BAD_HANDLER');
    assert.deepEqual(host.dataPlane.serving.map((id) => id.split('@')[0]), ['letters']);
    assert.equal(host.residency.declared.size, 0);
    host.dataPlane.before = () => {};
    assert.equal((await deploy(host, V1)).outcome, 'deployed');
    assert.equal(host.dataPlane.serving.length, 2);
  });

  test('restore serves a function whose model does not load, and says so', async () => {
    const store = new FakeStore();
    await deploy(setUp({ store }), V1);
    const host = setUp({ store });
    host.residency.before = (operation) => {
      if (operation === 'ensure') throw new PilotlightError('NO_MEMORY', 'need 1 GiB, have 1 MiB');
    };
    const [digits] = await host.rollout.restore();
    assert.match(digits?.warnings.join() ?? '', /DIGITS.*need 1 GiB/);
    assert.deepEqual([host.dataPlane.serving, host.dataPlane.sent.length], [[idOf(V1)], 0]);
  });

  test('fault 52: stopping the host during a load undoes the deploy and refuses those that wait', async () => {
    const host = setUp();
    await deploy(host, V1);
    const before = footprint(host);
    let reached = (): void => {};
    const loading = new Promise<void>((resolve) => (reached = resolve));
    host.residency.before = (operation) => {
      if (operation !== 'ensure') return;
      reached();
      return new Promise(() => {});
    };
    const outcomes = Promise.allSettled([deploy(host, V2), deploy(host, bundleOf('digits', 'three'))]);
    await loading;
    await host.rollout.close();
    for (const outcome of await outcomes) {
      assert.equal(outcome.status, 'rejected');
      assert.ok(failsWith('DRAINING', 'stopping')(outcome.status === 'rejected' && outcome.reason));
    }
    assert.deepEqual(footprint(host), before);
    assert.equal(host.clock.pending, 0);
  });

  test('fault 51: stopping the host while an old version drains leaves its isolates to what they still answer', async () => {
    const host = setUp();
    await deploy(host, V1);
    let reached = (): void => {};
    const draining = new Promise<void>((resolve) => (reached = resolve));
    host.dataPlane.before = (operation) => {
      if (operation !== 'drain') return;
      reached();
      return new Promise(() => {});
    };
    const outcome = deploy(host, V2);
    await draining;
    await host.rollout.close();
    assert.deepEqual([(await outcome).outcome, [...host.dataPlane.running.keys()].sort()], ['deployed', [idOf(V1), idOf(V2)].sort()]);
    assert.equal(host.clock.pending, 0);
  });

  test('fault 52: stopping the host while it starts what is deployed publishes nothing and is no failure', async () => {
    const store = new FakeStore();
    await deploy(setUp({ store }), V1);
    const host = setUp({ store });
    let closed: Promise<void> | undefined;
    host.dataPlane.before = (operation) => {
      if (operation === 'start') closed = host.rollout.close();
      if (operation === 'publish') throw new Error('what the table names does not run any more');
    };
    assert.deepEqual(await host.rollout.restore(), []);
    await closed;
    assert.deepEqual(host.records.filter(({ kind }) => kind === 'restore'), []);
  });

  test('a load that hangs neither keeps a restarted host from being ready nor from stopping', async () => {
    const store = new FakeStore();
    await deploy(setUp({ store }), V1);
    const [late, stopped] = [setUp({ store }), setUp({ store })];
    late.residency.before = (operation) => {
      if (operation !== 'ensure') return;
      queueMicrotask(() => late.clock.advance(V1.manifest.limits.initTimeoutMs));
      return new Promise(() => {});
    };
    assert.match((await late.rollout.restore())[0]?.warnings.join() ?? '', /DIGITS.*initTimeoutMs/);
    stopped.residency.before = (operation) => {
      if (operation !== 'ensure') return;
      queueMicrotask(() => void stopped.rollout.close());
      return new Promise(() => {});
    };
    await stopped.rollout.restore();
    assert.deepEqual([late.clock.pending, stopped.clock.pending], [0, 0]);
  });

  test('a function whose version is damaged in the store is brought back by its next deploy', async () => {
    const store = new FakeStore();
    await deploy(setUp({ store }), V1);
    const host = setUp({ store });
    store.versions.clear();
    assert.equal((await host.rollout.restore())[0]?.error?.code, 'NO_VERSION');
    assert.equal((await deploy(host, V1)).outcome, 'deployed');
    assert.deepEqual(host.dataPlane.serving, [idOf(V1)]);
  });

  test('more rollouts of one function than may wait are refused with TOO_BUSY', async () => {
    const host = setUp();
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => deploy(host, V1)));
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    assert.ok(refused.length > 0 && refused.length < 10);
    assert.ok(refused.every((one) => one.status === 'rejected' && failsWith('TOO_BUSY', 'digits')(one.reason)));
  });
});
