import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { versionLabel } from '../../runtime/function.ts';
import { bundleVersion } from '../bundle/bundle.ts';
import { PilotlightError } from '../../runtime/errors.ts';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { FakeStore } from '../../test/support/fake-store.ts';
import { loadOrder } from '../../runtime/residency/load-order.ts';
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

  test('restore starts the functions that are to be first; the others are routed to, read no further, and prepared by their first request', async () => {
    const store = new FakeStore();
    await deploy(setUp({ store }), V1);
    await deploy(setUp({ store }), bundleOf('letters', 'x', { isolates: 3, models: { P: { path: 'p.onnx', residency: 'pinned' } } }));
    const asked: unknown[] = [];
    const host = setUp({ store, startFirst: (functions) => {
      asked.push(...functions);
      return ['letters'];
    } });
    const restored = await host.rollout.restore();
    assert.deepEqual(asked, [{ name: 'digits', isolates: 3, pinned: false }, { name: 'letters', isolates: 4, pinned: true }]);
    assert.deepEqual(restored.map(({ function: name, error }) => [name, error]), [['digits', undefined], ['letters', undefined]]);
    assert.deepEqual(host.dataPlane.serving.map((id) => id.split('@')[0]), ['digits', 'letters']);
    assert.deepEqual([...host.dataPlane.running.keys()].map((id) => id.split('@')[0]), ['letters']);
    assert.deepEqual(host.records.map(({ function: name }) => name), ['letters'], 'nothing was done for the other');
    assert.equal(host.residency.declared.size, 1);
    const prepared = await host.dataPlane.declared.get(idOf(V1))?.prepare();
    assert.deepEqual(prepared?.models.map(({ binding }) => binding), ['DIGITS']);
    assert.equal(host.residency.declared.size, 2);
    assert.equal((await deploy(host, V1)).outcome, 'unchanged');
    assert.equal((await deploy(host, V2)).outcome, 'deployed');
    assert.equal(host.dataPlane.declared.size, 0, 'the old version is stopped though it never ran');
  });

  test('restore loads the pools that were used last in their order, pinned ones first, also of functions that it does not start', async () => {
    const store = new FakeStore();
    await deploy(setUp({ store }), V1);
    await deploy(setUp({ store }), bundleOf('letters', 'x', { models: { P: { path: 'p.onnx', residency: 'pinned' } } }));
    await deploy(setUp({ store }), bundleOf('words', 'x', { models: { W: { path: 'w.onnx' } } }));
    await deploy(setUp({ store }), bundleOf('unused', 'x', { models: { U: { path: 'u.onnx' } } }));
    const before = setUp({ store });
    await before.rollout.restore();
    const keyOf = (name: string): string => before.residency.pools().find(({ functions }) => functions[0]?.startsWith(`${name}@`))?.key ?? '';
    const remembered = [keyOf('words'), keyOf('digits')];
    const host = setUp({ store, startFirst: () => ['digits'], loadFirst: (pools) => loadOrder(pools, remembered) });
    await host.rollout.restore();
    assert.deepEqual(host.residency.loads, [keyOf('letters'), ...remembered]);
    assert.deepEqual([...host.dataPlane.running.keys()].map((id) => id.split('@')[0]), ['digits']);
    assert.deepEqual(host.records.map(({ function: name, steps }) => [name, steps.map((step) => step.name)]),
      [['digits', ['plan', 'isolates', 'load', 'golden']], ['letters', ['plan', 'load']], ['words', ['plan', 'load']]]);
  });

  test('restore loads what it plans, also where that is placed otherwise than was expected', async () => {
    const store = new FakeStore();
    await deploy(setUp({ store }), V1);
    await deploy(setUp({ store }), bundleOf('letters', 'x', { models: { P: { path: 'p.onnx', residency: 'pinned' } } }));
    const host = setUp({ store, startFirst: () => ['digits'] });
    const place = host.residency.place.bind(host.residency);
    let slots = 0;
    host.residency.place = (name, wanted) => place(name, wanted).map((one) => ({ ...one, slots: ++slots }));
    await host.rollout.restore();
    assert.deepEqual([...host.residency.loads].sort(), [...host.residency.declared.keys()].sort());
    assert.equal(host.residency.loads.length, 2);
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
    assert.equal(host.rollout.notRestored('digits', bundleVersion(V1))?.message, 'it threw');
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

  test('what was at work when the host died is restored last, alone and without loading; the others as ever', async () => {
    const store = new FakeStore();
    const names = ['digits', 'letters', 'ocr', 'zip'];
    for (const name of names) await deploy(setUp({ store }), bundleOf(name, 'x', { models: { M: { path: `${name}.onnx` } }, warm: [{ request: `POST /${name}`, expect: { status: 200 } }] }));
    const host = setUp({ store });
    for (const name of ['digits', 'ocr']) host.quarantine.treatments.set(versionLabel({ name, version: store.state().functions[name]?.current ?? '' }), 'late');
    const started: string[] = [];
    host.dataPlane.before = (operation, label) => {
      if (operation === 'start') started.push(`${label.split('@')[0]} beside ${host.activities.at(-1)?.preparing.map((one) => one.split('@')[0]).join()}`);
    };
    const restored = await host.rollout.restore();
    assert.deepEqual(started, ['letters beside letters,zip', 'zip beside letters,zip', 'digits beside digits', 'ocr beside ocr']);
    assert.deepEqual(host.dataPlane.serving.map((id) => id.split('@')[0]), names);
    assert.deepEqual(host.residency.loads.length, 2);
    assert.deepEqual(restored.map(({ warnings }) => warnings.length), [1, 0, 1, 0]);
    assert.match(restored[0]?.warnings[0] ?? '', /at work when the host died.*loaded by the first request/);
    assert.deepEqual(host.activities.at(-1), { running: [], preparing: [] });
  });

  test('a quarantined version is not run, its routes are refused, and the next deploy or rollback lifts that', async () => {
    for (const lift of ['deploy of the same', 'deploy of another', 'rollback', 'delete'] as const) {
      const store = new FakeStore();
      const before = setUp({ store });
      await deploy(before, V2);
      await deploy(before, V1);
      await deploy(before, bundleOf('letters', 'x'));
      const host = setUp({ store });
      const label = versionLabel({ name: 'digits', version: bundleVersion(V1) });
      host.quarantine.treatments.set(label, 'never');
      const restored = await host.rollout.restore();
      assert.deepEqual(restored.map(({ error }) => error?.code), ['QUARANTINED', undefined]);
      assert.deepEqual([...host.dataPlane.running.keys()].map((id) => id.split('@')[0]), ['letters']);
      const refused = host.dataPlane.table.entries.filter(({ refusal }) => refusal !== undefined);
      assert.deepEqual(refused.map(({ pattern, refusal }) => [pattern.path, refusal?.code, refusal?.retryAfterS]), [['/digits', 'QUARANTINED', 60]]);
      assert.equal(host.rollout.refusal('digits')?.code, 'QUARANTINED');
      if (lift === 'rollback') await host.rollout.rollback('digits', undefined, { warming: 'warm' });
      else if (lift === 'delete') await host.rollout.delete('digits');
      else await deploy(host, lift === 'deploy of the same' ? V1 : bundleOf('digits', 'three', {}));
      assert.deepEqual(host.dataPlane.table.entries.filter(({ refusal }) => refusal !== undefined), [], lift);
      assert.deepEqual([host.rollout.refusal('digits'), host.quarantine.treatment(label)], [undefined, 'early']);
      assert.deepEqual(host.dataPlane.serving.map((id) => id.split('@')[0]), lift === 'delete' ? ['letters'] : ['digits', 'letters']);
    }
  });

  test('a quarantined version that cannot be read keeps nobody down', async () => {
    const store = new FakeStore();
    await deploy(setUp({ store }), V1);
    const host = setUp({ store });
    host.quarantine.treatments.set(versionLabel({ name: 'digits', version: bundleVersion(V1) }), 'never');
    store.versions.clear();
    const [digits] = await host.rollout.restore();
    assert.deepEqual([digits?.error?.code, digits?.warnings.length, host.dataPlane.table.entries], ['QUARANTINED', 1, []]);
  });

  test('a deploy tells what it prepares before it begins, and nothing after it has ended', async () => {
    const host = setUp();
    const seen = new Set<string>();
    const look = (operation: string): void => void seen.add(`${operation} ${host.activities.at(-1)?.preparing.length ?? 0}`);
    host.residency.before = look;
    host.dataPlane.before = look;
    await deploy(host, V1);
    assert.deepEqual([...seen].sort(), ['ensure 1', 'golden 1', 'publish 0', 'start 0']);
    assert.deepEqual(host.activities.at(-1)?.preparing, []);
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

  test('two functions that are damaged in the store are each brought back by a deploy of their own, which tells of the other', async () => {
    const store = new FakeStore();
    const before = setUp({ store });
    const letters = bundleOf('letters', 'one');
    for (const bundle of [V1, letters]) await deploy(before, bundle);
    for (const bundle of [V1, letters]) store.damaged.add(idOf(bundle));
    const host = setUp({ store });
    assert.deepEqual((await host.rollout.restore()).map(({ error }) => error?.code), ['STORE_FAILED', 'STORE_FAILED']);
    const result = await deploy(host, V1);
    assert.equal(result.warnings.filter((text) => /check: routes were not compared with those of letters@/.test(text)).length, 1);
    assert.match(result.warnings.join('\n'), /confirm: the kept version letters@\w{8} is damaged in the store; deploy letters again/);
    assert.deepEqual((await deploy(host, letters)).warnings, []);
    assert.deepEqual(host.dataPlane.serving, [idOf(V1), idOf(letters)].sort());
  });

  test('more rollouts of one function than may wait are refused with TOO_BUSY', async () => {
    const host = setUp();
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => deploy(host, V1)));
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    assert.ok(refused.length > 0 && refused.length < 10);
    assert.ok(refused.every((one) => one.status === 'rejected' && failsWith('TOO_BUSY', 'digits')(one.reason)));
  });
});
