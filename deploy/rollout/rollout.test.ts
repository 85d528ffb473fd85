import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PilotlightError, type ErrorCode } from '../../runtime/errors.ts';
import type { RolloutRecord } from '../../runtime/records.ts';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { FakeDataPlane } from '../../test/support/fake-data-plane.ts';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { FakeResidency } from '../../test/support/fake-residency.ts';
import { FakeStore } from '../../test/support/fake-store.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { bundleVersion, type Bundle } from '../bundle/bundle.ts';
import { Rollout } from './rollout.ts';
import type { RolloutEvent } from './rollout-event.ts';

const MODEL = { models: { DIGITS: { path: 'digits.onnx' } } };
const GOLDEN = { warm: [{ request: 'POST /digits', expect: { status: 200 } }] };
const V1 = bundleOf('digits', 'one', { ...MODEL, ...GOLDEN });
const V2 = bundleOf('digits', 'two', { models: { DIGITS: { path: 'better.onnx' } }, ...GOLDEN });

function setUp(kept: { readonly store?: FakeStore } = {}) {
  const store = kept.store ?? new FakeStore();
  const [dataPlane, residency, engine, clock] = [new FakeDataPlane(), new FakeResidency(), new FakeEngine(), new ManualClock()];
  const records: RolloutRecord[] = [];
  const rollout = new Rollout({
    store, dataPlane, residency, engine, clock, slotsDefault: 2, drainTimeoutMs: 1000, onRecord: (record) => records.push(record),
  });
  return { store, dataPlane, residency, engine, clock, records, rollout };
}

type Host = ReturnType<typeof setUp>;

function deploy({ rollout }: Pick<Host, 'rollout'>, bundle: Bundle, onEvent: (event: RolloutEvent) => void = () => {}) {
  return rollout.deploy(bundle, { warming: 'warm', onEvent });
}

/** Everything that a version can leave behind, as one value to compare. */
function footprint({ store, dataPlane, residency }: Host) {
  return {
    serving: dataPlane.serving,
    running: [...dataPlane.running.keys()].sort(),
    declared: [...new Set([...residency.declared.values()].flatMap((ids) => [...ids]))].sort(),
    resident: [...residency.resident].sort(),
    current: store.state().functions['digits']?.current,
    stored: [...store.versions.keys()].sort(),
  };
}

function idOf(bundle: Bundle): string {
  return `${bundle.manifest.name}@${bundleVersion(bundle)}`;
}

function failsWith(code: ErrorCode, ...parts: readonly string[]) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof PilotlightError, String(error));
    assert.equal(error.code, code, error.message);
    for (const part of parts) assert.ok(error.message.includes(part), `"${error.message}" should name ${part}`);
    return true;
  };
}

/** Calls `act` before the k-th operation of any part of the host, counted from now. */
function beforeOperation(host: Host, k: number, act: (operation: string) => void | Promise<void>): () => number {
  let count = 0;
  const hook = async (operation: string): Promise<void> => {
    count++;
    if (count === k) await act(operation);
  };
  for (const part of [host.store, host.dataPlane, host.residency, host.engine]) part.before = hook;
  return () => count;
}

describe('deploy', () => {
  test('takes its steps in order and ends with the new version alone', async () => {
    const host = setUp();
    await deploy(host, V1);
    const done: string[] = [];
    const result = await deploy(host, V2, ({ step, state }) => void (state === 'done' && done.push(step)));
    assert.deepEqual(done, ['check', 'store', 'plan', 'load', 'warm', 'isolates', 'golden', 'commit', 'switch', 'drain', 'unload', 'confirm']);
    assert.deepEqual([result.outcome, result.version, result.warnings], ['deployed', bundleVersion(V2), []]);
    const { serving, running, declared, resident } = footprint(host);
    assert.deepEqual([serving, running, declared, resident.length], [[idOf(V2)], [idOf(V2)], [idOf(V2)], 1]);
    assert.deepEqual(host.store.state().functions['digits']?.history.map(({ version }) => version), [bundleVersion(V2), bundleVersion(V1)]);
  });

  test('nothing reaches the new version before its pools are resident and its golden requests are answered', async () => {
    const host = setUp();
    host.dataPlane.before = (operation) => {
      if (operation === 'golden') assert.equal(host.residency.resident.size, 1);
      if (operation === 'publish') assert.ok(host.dataPlane.sent.length >= 2 * (V1.manifest.isolates + 1));
    };
    await deploy(host, V1);
  });

  test('every failing operation of a redeploy leaves the old version serving and nothing of the new, or the new one standing', async () => {
    for (let k = 1; ; k++) {
      const host = setUp();
      await deploy(host, V1);
      const before = footprint(host);
      let failed = '';
      const counted = beforeOperation(host, k, (operation) => {
        failed = operation;
        throw new Error(`${operation} failed`);
      });
      const outcome = await deploy(host, V2).catch((error: unknown) => error);
      if (counted() < k) break;
      const place = `operation ${k}: ${failed}`;
      const after = footprint(host);
      if (failed === 'publish') {
        assert.match(String(outcome), /restart/, place);
        assert.equal(after.current, bundleVersion(V2), place);
        assert.ok(after.running.includes(idOf(V1)) && after.running.includes(idOf(V2)), place);
      } else if (outcome instanceof Error) {
        assert.deepEqual(after, before, place);
      } else {
        assert.deepEqual(after.serving, [idOf(V2)], place);
        assert.ok(outcome !== null && typeof outcome === 'object' && 'warnings' in outcome, place);
      }
    }
  });

  test('what a rollout could not stop is stopped by the next one', async () => {
    const host = setUp();
    await deploy(host, V1);
    host.dataPlane.before = (operation) => {
      if (operation === 'stop') throw new Error('stuck');
    };
    const result = await deploy(host, V2);
    assert.match(result.warnings.join(), /unload: stuck/);
    host.dataPlane.before = () => {};
    await deploy(host, bundleOf('digits', 'three'));
    assert.equal(host.dataPlane.running.size, 1);
    assert.equal(host.dataPlane.table.entries.length, 1);
  });

  test('a handler change loads nothing: the pool is shared by name', async () => {
    const host = setUp();
    await deploy(host, V1);
    await deploy(host, bundleOf('digits', 'other code', MODEL));
    assert.equal(host.residency.loads.length, 1);
    assert.equal(host.residency.resident.size, 1);
  });

  test('left cold, it loads nothing, sends nothing and serves', async () => {
    const host = setUp();
    await host.rollout.deploy(V1, { warming: 'cold' });
    assert.deepEqual([host.residency.loads.length, host.dataPlane.sent.length, host.dataPlane.serving], [0, 0, [idOf(V1)]]);
  });

  test('fault 4: a model that cannot be read is refused by function, binding and reason before anything is loaded', async () => {
    const host = setUp();
    await deploy(host, V1);
    const before = footprint(host);
    host.engine.before = (operation) => {
      if (operation === 'inspect') throw new PilotlightError('BAD_MODEL', 'better.onnx is not an ONNX file');
    };
    await assert.rejects(deploy(host, V2), failsWith('BAD_MODEL', 'digits', 'DIGITS', 'better.onnx'));
    assert.deepEqual(footprint(host), before);
    assert.equal(host.residency.loads.length, 1);
  });

  test('fault 6: a load that takes longer than limits.initTimeoutMs stops the deploy', async () => {
    const host = setUp();
    await deploy(host, V1);
    const before = footprint(host);
    host.residency.before = (operation) => {
      if (operation !== 'ensure') return;
      queueMicrotask(() => host.clock.advance(V2.manifest.limits.initTimeoutMs));
      return new Promise(() => {});
    };
    await assert.rejects(deploy(host, V2), failsWith('WARMUP_FAILED', 'DIGITS', 'initTimeoutMs'));
    assert.deepEqual(footprint(host), before);
    assert.equal(host.clock.pending, 0);
  });

  test('fault 6: a wrong golden answer stops the deploy, names request, isolate, wanted and found, and is on record', async () => {
    const host = setUp();
    await deploy(host, V1);
    const before = footprint(host);
    host.dataPlane.answer = (_version, isolate) =>
      ({ status: isolate === 1 ? 500 : 200, headers: {}, body: Buffer.from('oops'), durationMs: 1 });
    const failed: RolloutEvent[] = [];
    await assert.rejects(deploy(host, V2, (event) => void (event.state === 'failed' && failed.push(event))),
      failsWith('WARMUP_FAILED', 'POST /digits', 'isolate 1', '200', '500'));
    assert.deepEqual(failed.map(({ step }) => step), ['golden']);
    assert.deepEqual(footprint(host), before);
    assert.deepEqual([host.records.at(-1)?.errorCode, host.records.at(-1)?.steps.at(-1)?.name], ['WARMUP_FAILED', 'golden']);
  });

  test('fault 6: a golden request that is never answered stops the deploy at limits.initTimeoutMs', async () => {
    const host = setUp();
    host.dataPlane.answer = () => {
      queueMicrotask(() => host.clock.advance(V1.manifest.limits.initTimeoutMs));
      return new Promise(() => {});
    };
    await assert.rejects(deploy(host, V1), failsWith('WARMUP_FAILED', 'POST /digits', 'initTimeoutMs'));
    assert.equal(host.dataPlane.running.size, 0);
  });

  test('fault 14: a handler that the isolates refuse leaves the old version serving', async () => {
    const host = setUp();
    await deploy(host, V1);
    const before = footprint(host);
    host.dataPlane.before = (operation) => {
      if (operation === 'start') throw new PilotlightError('BAD_HANDLER', 'handler.mjs has no fetch');
    };
    await assert.rejects(deploy(host, V2), failsWith('BAD_HANDLER', 'no fetch'));
    assert.deepEqual(footprint(host), before);
  });

  test('fault 7: two deploys of one function run one after the other, and the last one wins', async () => {
    const host = setUp();
    const order: string[] = [];
    const tell = (name: string) => ({ step, state }: RolloutEvent) => void (state === 'done' && order.push(`${name} ${step}`));
    const results = await Promise.all([deploy(host, V1, tell('first')), deploy(host, V2, tell('second'))]);
    assert.deepEqual(results.map(({ version }) => version), [bundleVersion(V1), bundleVersion(V2)]);
    assert.ok(order.indexOf('first confirm') < order.indexOf('second check'));
    assert.deepEqual(host.dataPlane.serving, [idOf(V2)]);
    assert.equal(host.store.state().generation, 2);
  });

  test('fault 8: the same content again changes nothing and rebuilds nothing', async () => {
    const host = setUp();
    await deploy(host, V1);
    const again = await deploy(host, structuredClone(V1));
    assert.deepEqual([again.outcome, again.version], ['unchanged', bundleVersion(V1)]);
    assert.deepEqual([host.store.state().generation, host.residency.loads.length, host.dataPlane.starts], [1, 1, 1]);
  });

  test('fault 13: a route that another function owns is refused with both owners named', async () => {
    const host = setUp();
    await deploy(host, V1);
    await assert.rejects(deploy(host, bundleOf('letters', 'x', { routes: ['/:anything'] })),
      failsWith('ROUTE_CONFLICT', 'letters', '/:anything', 'digits', 'POST /digits'));
    assert.deepEqual(Object.keys(host.store.state().functions), ['digits']);
  });

  test('fault 13: two functions deployed at once cannot both take a route', async () => {
    const host = setUp();
    const outcomes = await Promise.allSettled([deploy(host, V1), deploy(host, bundleOf('letters', 'x', { routes: ['POST /digits'] }))]);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.equal(host.dataPlane.running.size, 1);
  });

  test('a secret without a value is named before anything starts; with one, isolates get it and no other', async () => {
    const host = setUp();
    const bundle = bundleOf('digits', 'one', { secrets: ['API_KEY'] });
    await assert.rejects(deploy(host, bundle), failsWith('BAD_MANIFEST', 'API_KEY', 'pilotlight secret put digits API_KEY'));
    await host.store.secrets.put('digits', 'API_KEY', 'canary');
    await host.store.secrets.put('digits', 'OTHER', 'hidden');
    await deploy(host, bundle);
    assert.deepEqual(host.dataPlane.secrets.get(idOf(bundle)), { API_KEY: 'canary' });
  });

  test('requests that had to be cut are a warning', async () => {
    const host = setUp();
    await deploy(host, V1);
    host.dataPlane.cut = 3;
    assert.match((await deploy(host, V2)).warnings.join(), /drain: 3 requests .* drainTimeoutMs/);
  });

  test('golden times that never settle are a warning after 20 sent to each isolate', async () => {
    const host = setUp();
    let sent = 0;
    host.dataPlane.answer = () => ({ status: 200, headers: {}, body: new Uint8Array(), durationMs: sent++ % 2 === 0 ? 1 : 9 });
    const result = await deploy(host, V1);
    assert.equal(result.warnings.length, V1.manifest.isolates + 1);
    assert.equal(sent, 20 * (V1.manifest.isolates + 1));
  });
});

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

  test('more rollouts of one function than may wait are refused with TOO_BUSY', async () => {
    const host = setUp();
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => deploy(host, V1)));
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    assert.ok(refused.length > 0 && refused.length < 10);
    assert.ok(refused.every((one) => one.status === 'rejected' && failsWith('TOO_BUSY', 'digits')(one.reason)));
  });
});
