import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { versionLabel } from '../../runtime/function.ts';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { FakeStore } from '../../test/support/fake-store.ts';
import { GOLDEN, MODEL, V1, V2, beforeOperation, deploy, failsWith, footprint, idOf, setUp, type Host } from '../../test/support/rollout-fixture.ts';
import { bundleVersion, type Bundle } from '../bundle/bundle.ts';
import { sharesOf } from '../store/store.ts';
import type { RolloutEvent } from './rollout-event.ts';

const V3 = bundleOf('digits', 'three', { ...MODEL, ...GOLDEN, routes: ['POST /digits', 'GET /digits/:id'] });
const WARM = { warming: 'warm' } as const;
const beside = ({ rollout }: Host, bundle: Bundle, percent: number, abortIf: readonly string[] = []) => rollout.deploy(bundle, { ...WARM, split: { percent, abortIf } });
const idsOf = (...bundles: readonly Bundle[]): readonly string[] => bundles.map(idOf).sort();

/** What the route table and the store say, as one text: `one 90, two 10`. */
function shares(host: Host): string {
  const named = new Map([[bundleVersion(V1), 'one'], [bundleVersion(V2), 'two'], [bundleVersion(V3), 'three']]);
  const text = (of: readonly { readonly version: string; readonly percent: number }[]): string =>
    of.map(({ version, percent }) => `${named.get(version)} ${percent}`).join(', ');
  const split = host.dataPlane.table.splits.find(({ function: name }) => name === 'digits');
  const state = host.store.state().functions['digits'];
  const stored = state === undefined ? '' : text(sharesOf(state));
  if (split !== undefined) assert.equal(text(split.shares), stored);
  else assert.ok(!stored.includes(','), stored);
  return stored;
}

describe('splits', () => {
  test('a deploy with a split lets the new version answer its part beside the old one, and drains nothing', async () => {
    const host = setUp();
    await deploy(host, V1);
    const result = await beside(host, V2, 10);
    assert.deepEqual([result.outcome, result.version, shares(host)], ['deployed', bundleVersion(V2), 'one 90, two 10']);
    assert.deepEqual(result.shares, [{ version: bundleVersion(V1), percent: 90 }, { version: bundleVersion(V2), percent: 10 }]);
    const { serving, running, declared } = footprint(host);
    for (const found of [serving, running, declared]) assert.deepEqual(found, idsOf(V1, V2));
    assert.equal(host.residency.resident.size, 2);
    assert.deepEqual(result.warnings, []);
  });

  test('a second deploy with a split takes its part from all, and each answers by its own routes', async () => {
    const host = setUp();
    await deploy(host, V1);
    await beside(host, V2, 50);
    await beside(host, V3, 20);
    assert.equal(shares(host), 'one 40, two 40, three 20');
    assert.deepEqual(footprint(host).running, idsOf(V1, V2, V3));
    assert.equal(host.dataPlane.table.entries.filter(({ version }) => version === bundleVersion(V3)).length, 2);
    assert.equal(host.dataPlane.table.entries.length, 4);
  });

  test('the same deploy with the same part again changes nothing; with another part only the shares', async () => {
    const host = setUp();
    await deploy(host, V1);
    await beside(host, V2, 10);
    const starts = host.dataPlane.starts;
    assert.equal((await beside(host, V2, 10)).outcome, 'unchanged');
    await beside(host, V2, 30);
    assert.deepEqual([shares(host), host.dataPlane.starts], ['one 70, two 30', starts]);
    assert.equal((await beside(host, V1, 10)).outcome, 'deployed');
    assert.equal(shares(host), 'two 90, one 10');
  });

  test('a deploy of what serves alone changes nothing, whatever part it should have', async () => {
    const host = setUp();
    await deploy(host, V1);
    assert.equal((await beside(host, V1, 10)).outcome, 'unchanged');
    assert.equal(shares(host), 'one 100');
  });

  test('a deploy without a split ends one: also of a version that is part of it, which starts nothing again', async () => {
    const host = setUp();
    await deploy(host, V1);
    await beside(host, V2, 10);
    const [starts, done] = [host.dataPlane.starts, [] as string[]];
    await deploy(host, V2, ({ step, state }: RolloutEvent) => void (state === 'done' && done.push(step)));
    assert.deepEqual([shares(host), host.dataPlane.starts, footprint(host).running], ['two 100', starts, idsOf(V2)]);
    assert.deepEqual(done, ['check', 'commit', 'switch', 'drain', 'unload', 'confirm']);
  });

  test('split sets the shares of kept versions; those that do not run are warmed first, those left out drain', async () => {
    const host = setUp();
    for (const bundle of [V1, V2, V3]) await deploy(host, bundle);
    host.dataPlane.sent.length = 0;
    const short = (bundle: Bundle): string => bundleVersion(bundle).slice(0, 8);
    const result = await host.rollout.split('digits', [{ version: short(V3), percent: 75 }, { version: `digits@${short(V1)}`, percent: 25 }], WARM);
    assert.deepEqual([result.outcome, result.version, shares(host)], ['split', undefined, 'three 75, one 25']);
    assert.ok(host.dataPlane.sent.length > 0 && host.dataPlane.sent.every(({ version }) => version === bundleVersion(V1)));
    await host.rollout.split('digits', [{ version: short(V1), percent: 0 }, { version: short(V2), percent: 100 }], WARM);
    assert.deepEqual([shares(host), footprint(host).running], ['one 0, two 100', idsOf(V1, V2)]);
    await host.rollout.split('digits', [{ version: short(V1), percent: 100 }], WARM);
    assert.deepEqual([shares(host), footprint(host).running], ['one 100', idsOf(V1)]);
  });

  test('promote gives all to the newest version, and rollback then brings back what served before', async () => {
    const host = setUp();
    await deploy(host, V1);
    await beside(host, V2, 10);
    const result = await host.rollout.promote('digits', WARM);
    assert.deepEqual([result.outcome, result.version, shares(host)], ['promoted', bundleVersion(V2), 'two 100']);
    assert.deepEqual(footprint(host).running, idsOf(V2));
    await host.rollout.rollback('digits', undefined, WARM);
    assert.deepEqual([shares(host), footprint(host).running], ['one 100', idsOf(V1)]);
  });

  test('rollback ends a split by the version that had all traffic before, or by the one that is named', async () => {
    const host = setUp();
    await deploy(host, V1);
    await deploy(host, V2);
    await beside(host, V3, 50);
    const starts = host.dataPlane.starts;
    assert.equal((await host.rollout.rollback('digits', undefined, WARM)).version, bundleVersion(V2));
    assert.deepEqual([shares(host), host.dataPlane.starts, footprint(host).running], ['two 100', starts, idsOf(V2)]);
    await beside(host, V3, 50);
    await host.rollout.rollback('digits', bundleVersion(V1).slice(0, 8), WARM);
    assert.deepEqual([shares(host), footprint(host).running], ['one 100', idsOf(V1)]);
  });

  test('shares that make no sense are refused by what is wrong with them, and change nothing', async () => {
    const host = setUp();
    await assert.rejects(beside(host, V1, 10), failsWith('BAD_REQUEST', 'digits is not deployed yet'));
    await deploy(host, V1);
    await deploy(host, V2);
    const [one, two] = [V1, V2].map((bundle) => bundleVersion(bundle).slice(0, 8)) as [string, string];
    const before = footprint(host);
    const refused: readonly (readonly [readonly (readonly [string, number])[], string, ...string[]])[] = [
      [[[one, 90], [two, 5]], 'BAD_REQUEST', 'sum to 95', `${one} 90 %`, `${two} 5 %`], [[[one, 50], [one, 50]], 'BAD_REQUEST', `digits@${one}`, 'twice'],
      [[[one, 50], ['ffff0000', 50]], 'NO_VERSION', 'ffff0000', one, two], [[[one, 100.5], [two, -0.5]], 'BAD_REQUEST', '100.5', 'whole'],
      [[[one, 101], [two, -1]], 'BAD_REQUEST', '101'], [[], 'BAD_REQUEST', 'sum to 0'], [[['', 100]], 'NO_VERSION', 'digits'],
    ];
    for (const [wanted, code, ...parts] of refused) {
      const split = host.rollout.split('digits', wanted.map(([version, percent]) => ({ version, percent })), WARM);
      await assert.rejects(split, failsWith(code as 'BAD_REQUEST', ...parts), JSON.stringify(wanted));
    }
    await assert.rejects(beside(host, V3, 101), failsWith('BAD_REQUEST', '101 %'));
    await assert.rejects(host.rollout.promote('digits', WARM), failsWith('BAD_REQUEST', 'digits has no split', `digits@${two}`));
    await assert.rejects(host.rollout.promote('letters', WARM), failsWith('NO_FUNCTION', 'letters'));
    await assert.rejects(host.rollout.split('letters', [], WARM), failsWith('NO_FUNCTION', 'letters'));
    assert.deepEqual(footprint(host), before);
  });

  test('only so many versions answer side by side', async () => {
    const host = setUp();
    await deploy(host, V1);
    for (const bundle of [V2, V3, bundleOf('digits', 'four')]) await beside(host, bundle, 10);
    await assert.rejects(beside(host, bundleOf('digits', 'five'), 10), failsWith('BAD_REQUEST', 'digits', '5 versions', 'promote'));
    assert.equal(host.dataPlane.running.size, 4);
  });

  test('fault 6: a new version that fails leaves the split as it was', async () => {
    for (let k = 1; ; k++) {
      const host = setUp();
      await deploy(host, V1);
      await beside(host, V2, 10);
      const [before, sharesBefore] = [footprint(host), shares(host)];
      let failed = '';
      const counted = beforeOperation(host, k, (operation) => {
        failed = operation;
        throw new Error(`${operation} failed`);
      });
      const outcome = await beside(host, V3, 10).catch((error: unknown) => error);
      if (counted() < k) break;
      if (failed === 'publish') assert.match(String(outcome), /restart/);
      else if (outcome instanceof Error) assert.deepEqual([footprint(host), shares(host)], [before, sharesBefore], `operation ${k}: ${failed}`);
      else assert.equal(shares(host), 'one 81, two 9, three 10', `operation ${k}: ${failed}`);
    }
  });

  test('fault 7: two deploys with a split at once are one after the other, and both are part of it', async () => {
    const host = setUp();
    await deploy(host, V1);
    const results = await Promise.all([beside(host, V2, 50), beside(host, V3, 20)]);
    assert.deepEqual(results.map(({ shares: told }) => told?.map(({ percent }) => percent)), [[50, 50], [40, 40, 20]]);
    assert.equal(shares(host), 'one 40, two 40, three 20');
  });

  test('fault 9: a rollback asked for during a deploy with a split waits its turn and ends the split', async () => {
    const host = setUp();
    await deploy(host, V1);
    const [deployed, back] = await Promise.all([beside(host, V2, 10), host.rollout.rollback('digits', undefined, WARM)]);
    assert.deepEqual([deployed.version, back.version], [bundleVersion(V2), bundleVersion(V1)]);
    assert.deepEqual([shares(host), footprint(host).running], ['one 100', idsOf(V1)]);
  });

  test('fault 13: a route that any version of a split has is its function\'s', async () => {
    const host = setUp();
    await deploy(host, V1);
    await beside(host, V3, 0);
    await assert.rejects(deploy(host, bundleOf('letters', 'x', { routes: ['GET /digits/:any'] })), failsWith('ROUTE_CONFLICT', 'letters', 'digits'));
  });

  test('delete takes all versions of a split away', async () => {
    const host = setUp();
    await deploy(host, V1);
    await beside(host, V2, 10);
    await host.rollout.delete('digits');
    const { serving, running, declared, current } = footprint(host);
    assert.deepEqual({ serving, running, declared, current }, { serving: [], running: [], declared: [], current: undefined });
  });
});

describe('a split after a restart', () => {
  async function splitStore(): Promise<FakeStore> {
    const store = new FakeStore();
    const host = setUp({ store });
    await deploy(host, V1);
    await beside(host, V2, 10);
    return store;
  }

  test('all its versions serve again, each with its share, and are warm', async () => {
    const host = setUp({ store: await splitStore() });
    const restored = await host.rollout.restore();
    assert.deepEqual(restored.map(({ error, warnings }) => [error, warnings]), [[undefined, []], [undefined, []]]);
    assert.deepEqual([shares(host), host.dataPlane.serving, host.residency.resident.size], ['one 90, two 10', idsOf(V1, V2), 2]);
    assert.equal((await beside(host, V2, 10)).outcome, 'unchanged');
  });

  test('one that is quarantined leaves its part to the other until a rollout wants it again', async () => {
    const host = setUp({ store: await splitStore() });
    host.quarantine.treatments.set(versionLabel({ name: 'digits', version: bundleVersion(V2) }), 'never');
    const restored = await host.rollout.restore();
    assert.deepEqual(restored.map(({ error }) => error?.code), [undefined, 'QUARANTINED']);
    assert.deepEqual([host.dataPlane.serving, host.dataPlane.table.splits, host.rollout.refusal('digits')], [idsOf(V1), [], undefined]);
    assert.ok(host.dataPlane.table.entries.every(({ refusal }) => refusal === undefined));
    await beside(host, V2, 20);
    assert.equal(shares(host), 'one 80, two 20');
  });

  test('one that cannot be started leaves its part to the other, and promote starts it or tells why not', async () => {
    const host = setUp({ store: await splitStore() });
    host.dataPlane.before = (operation, label) => {
      if (operation === 'start' && label === idOf(V2)) throw new Error('no thread');
    };
    const restored = await host.rollout.restore();
    assert.deepEqual(restored.map(({ error }) => error?.message), [undefined, 'no thread']);
    assert.deepEqual([host.dataPlane.serving, host.dataPlane.table.splits], [idsOf(V1), []]);
    await assert.rejects(host.rollout.promote('digits', WARM), { message: 'no thread' });
    assert.deepEqual(host.dataPlane.serving, idsOf(V1));
    host.dataPlane.before = () => {};
    await host.rollout.promote('digits', WARM);
    assert.deepEqual([shares(host), host.dataPlane.serving], ['two 100', idsOf(V2)]);
  });
});
