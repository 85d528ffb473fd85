import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PilotlightError } from '../../runtime/errors.ts';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { MODEL, V1, V2, beforeOperation, deploy, failsWith, footprint, idOf, setUp } from '../../test/support/rollout-fixture.ts';
import { bundleVersion } from '../bundle/bundle.ts';
import type { RolloutEvent } from './rollout-event.ts';

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

  test('pools that a rollout could not give back are given back by the next one', async () => {
    const host = setUp();
    await deploy(host, V1);
    host.residency.before = (operation) => {
      if (operation === 'forget') throw new Error('stuck');
    };
    const result = await deploy(host, V2);
    assert.match(result.warnings.join(), /unload: stuck.*drift: 1 pool/);
    host.residency.before = () => {};
    await deploy(host, bundleOf('digits', 'three'));
    assert.deepEqual([...host.residency.declared.keys()], []);
  });

  test('a handler change loads nothing: the pool is shared by name', async () => {
    const host = setUp();
    await deploy(host, V1);
    await deploy(host, bundleOf('digits', 'other code', MODEL));
    assert.equal(host.residency.loads.length, 1);
    assert.equal(host.residency.resident.size, 1);
  });

  test('fault 64: a function may have the name of a property that every object has', async () => {
    const host = setUp();
    const bundle = bundleOf('constructor', 'one');
    await deploy(host, bundle);
    await assert.rejects(host.rollout.rollback('valueof', undefined, { warming: 'warm' }), failsWith('NO_FUNCTION', 'valueof'));
    assert.deepEqual(host.store.state().functions['constructor']?.history.map(({ version }) => version), [bundleVersion(bundle)]);
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

  test('golden times that never settle are a warning after 20 rounds through each isolate', async () => {
    const host = setUp();
    let sent = 0;
    host.dataPlane.answer = () => ({ status: 200, headers: {}, body: new Uint8Array(), durationMs: sent++ % 2 === 0 ? 100 : 900 });
    const result = await deploy(host, V1);
    assert.equal(result.warnings.length, V1.manifest.isolates + 1);
    assert.equal(sent, 20 * (V1.manifest.isolates + 1));
  });
});
