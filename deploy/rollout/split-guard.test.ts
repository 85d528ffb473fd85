import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { FakeStore } from '../../test/support/fake-store.ts';
import { V1, V2, deploy, failsWith, setUp, type Host } from '../../test/support/rollout-fixture.ts';
import { bucketOf, type VersionTallies } from '../../runtime/telemetry/version-tally.ts';
import { bundleVersion, type Bundle } from '../bundle/bundle.ts';
import { sharesOf } from '../store/store.ts';
import type { RolloutEvent } from './rollout-event.ts';

const WARM = { warming: 'warm' } as const;
const BOUNDS = ['errors>1%', 'p99>2x'];
const [ONE, TWO] = [bundleVersion(V1), bundleVersion(V2)];

async function splitHost(abortIf = BOUNDS, store = new FakeStore()): Promise<Host> {
  const host = setUp({ store });
  await deploy(host, V1);
  await host.rollout.deploy(V2, { ...WARM, split: { percent: 10, abortIf } });
  return host;
}

/** A report of an ingress thread: each version with its requests, how many of them failed, and how long each took. */
function report(...lines: readonly (readonly [bundle: Bundle, requests: number, failures: number, ms?: number])[]): VersionTallies {
  return new Map(lines.map(([bundle, requests, failures, ms = 5]) => {
    const [name, version] = [bundle.manifest.name, bundleVersion(bundle)];
    return [version, { function: name, version, requests, failures, durations: new Map([[bucketOf(ms), requests]]) }];
  }));
}

const percents = (host: Host): readonly number[] => sharesOf(host.store.state().functions['digits'] ?? assert.fail()).map(({ percent }) => percent);
/** Aborts do not wait for other rollouts; over fakes they end within a turn of the event loop. */
const settled = (host: Host): Promise<unknown> => host.rollout.split('digits', [], WARM).catch(() => new Promise((resolve) => { setImmediate(resolve); }));

describe('a split with bounds', () => {
  test('a version that fails too often loses its share, keeps running, and it is told why', async () => {
    const host = await splitHost();
    host.rollout.metered(report([V1, 900, 0], [V2, 100, 20]));
    await settled(host);
    assert.deepEqual([percents(host), host.dataPlane.table.splits[0]?.shares.map(({ percent }) => percent)], [[100, 0], [100, 0]]);
    assert.equal(host.dataPlane.running.size, 2);
    const why = '20 of 100 requests failed (20.0 %), more than errors>1% allows';
    assert.deepEqual(host.aborted, [{ function: 'digits', version: TWO, why }]);
    assert.deepEqual(host.store.state().functions['digits']?.split?.at(-1), { version: TWO, percent: 0, abortIf: BOUNDS, aborted: why });
    assert.deepEqual(host.records.filter(({ kind }) => kind === 'abort').map(({ version, errorCode }) => [version, errorCode]), [[TWO, undefined]]);
  });

  test('one that is much slower than the other loses its share', async () => {
    const host = await splitHost();
    host.rollout.metered(report([V1, 900, 0, 5], [V2, 100, 0, 50]));
    await settled(host);
    assert.deepEqual(percents(host), [100, 0]);
    assert.match(host.aborted[0]?.why ?? '', /99th percentile.*p99>2x/);
  });

  test('one within its bounds keeps it, and so does one that nobody guards or that is not the guarded one', async () => {
    const host = await splitHost();
    for (let count = 0; count < 50; count++) host.rollout.metered(report([V1, 90, 1], [V2, 10, 0]));
    host.rollout.metered(report([V1, 900, 900]));
    const unguarded = await splitHost([]);
    unguarded.rollout.metered(report([V1, 900, 0], [V2, 100, 100]));
    for (const one of [host, unguarded]) {
      await settled(one);
      assert.deepEqual([percents(one), one.aborted], [[90, 10], []]);
    }
  });

  test('reports add up, and a good past does not hide a bad present', async () => {
    const host = await splitHost();
    for (let count = 0; count < 4; count++) host.rollout.metered(report([V1, 45, 0], [V2, 4, 4]));
    await settled(host);
    assert.deepEqual(percents(host), [90, 10]);
    host.rollout.metered(report([V2, 4, 4]));
    await settled(host);
    assert.deepEqual(percents(host), [100, 0]);

    const later = await splitHost();
    for (let count = 0; count < 100; count++) later.rollout.metered(report([V1, 900, 0], [V2, 100, 0]));
    later.rollout.metered(report([V1, 900, 0], [V2, 100, 30]));
    await settled(later);
    assert.deepEqual(percents(later), [100, 0]);
  });

  test('shares that are set anew begin a new count; a share given back by hand is guarded again', async () => {
    const host = await splitHost();
    host.rollout.metered(report([V1, 100, 0], [V2, 19, 19]));
    await host.rollout.split('digits', [{ version: ONE, percent: 80 }, { version: TWO, percent: 20 }], WARM);
    host.rollout.metered(report([V2, 19, 19]));
    await settled(host);
    assert.deepEqual(percents(host), [80, 20]);
    host.rollout.metered(report([V2, 1, 1]));
    await settled(host);
    assert.deepEqual(percents(host), [100, 0]);
    await host.rollout.split('digits', [{ version: ONE, percent: 50 }, { version: TWO, percent: 50 }], WARM);
    assert.equal(host.store.state().functions['digits']?.split?.at(-1)?.aborted, undefined);
    host.rollout.metered(report([V2, 40, 40]));
    await settled(host);
    assert.deepEqual([percents(host), host.aborted.length], [[100, 0], 2]);
  });

  test('what lost its share is not promoted, and rollback ends the split', async () => {
    const host = await splitHost();
    host.rollout.metered(report([V2, 40, 40]));
    await settled(host);
    await assert.rejects(host.rollout.promote('digits', WARM), failsWith('BAD_REQUEST', `digits@${TWO.slice(0, 8)}`, '40 of 40 requests failed', 'rollback digits'));
    assert.equal((await host.rollout.rollback('digits', undefined, WARM)).version, ONE);
    assert.equal(host.store.state().functions['digits']?.split, undefined);
  });

  test('the guard goes on after a restart of the host', async () => {
    const store = new FakeStore();
    await splitHost(BOUNDS, store);
    const host = setUp({ store });
    await host.rollout.restore();
    host.rollout.metered(report([V2, 40, 40]));
    await settled(host);
    assert.deepEqual(percents(host), [100, 0]);
  });

  test('an abort that the store refuses is tried again at the next report', async () => {
    const host = await splitHost();
    host.store.before = (operation) => {
      if (operation === 'commit') throw new Error('disk full');
    };
    host.rollout.metered(report([V2, 40, 40]));
    await settled(host);
    assert.deepEqual([percents(host), host.records.find(({ kind }) => kind === 'abort')?.errorMessage], [[90, 10], 'disk full']);
    host.store.before = () => {};
    host.rollout.metered(report([V2, 1, 1]));
    await settled(host);
    assert.deepEqual(percents(host), [100, 0]);
  });

  test('fault 9: a rollback asked for beside an abort wins, whichever came first', async () => {
    const host = await splitHost();
    const back = host.rollout.rollback('digits', undefined, WARM);
    host.rollout.metered(report([V2, 40, 40]));
    await back;
    await settled(host);
    assert.deepEqual([percents(host), host.aborted], [[100], []]);
    assert.deepEqual([...host.dataPlane.running.keys()], [`digits@${ONE}`]);
  });

  test('an abort does not wait for a deploy that is under way, which hears of it and keeps it', async () => {
    const host = await splitHost();
    const three = bundleOf('digits', 'three', { models: { DIGITS: { path: 'third.onnx' } } });
    let open = (): void => {};
    let reached = (): void => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    const loading = new Promise<void>((resolve) => (reached = resolve));
    host.residency.before = (operation) => {
      if (operation !== 'ensure') return;
      reached();
      return opened;
    };
    const warnings: string[] = [];
    const onEvent = ({ state, detail }: RolloutEvent): void => void (state === 'warning' && warnings.push(detail));
    const deploying = host.rollout.deploy(three, { ...WARM, onEvent, split: { percent: 20, abortIf: [] } });
    await loading;
    host.rollout.metered(report([V2, 40, 40]));
    await new Promise((resolve) => { setImmediate(resolve); });
    assert.deepEqual([percents(host), host.aborted.length], [[100, 0], 1]);
    assert.deepEqual(warnings, [`digits@${TWO.slice(0, 8)} loses its share: 40 of 40 requests failed (100.0 %), more than errors>1% allows`]);
    open();
    await deploying;
    assert.deepEqual(percents(host), [80, 0, 20]);
    assert.equal(host.dataPlane.running.size, 3);
    assert.ok(host.store.state().functions['digits']?.split?.[1]?.aborted !== undefined);
  });

  test('a promote under way when its version loses its share is refused', async () => {
    const host = await splitHost();
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    let commits = 0;
    host.store.before = (operation) => (operation === 'commit' && ++commits === 1 ? opened : undefined);
    host.rollout.metered(report([V2, 40, 40]));
    const promoting = host.rollout.promote('digits', WARM);
    const refused = assert.rejects(promoting, failsWith('BAD_REQUEST', 'lost its share'));
    setImmediate(open);
    await refused;
    assert.deepEqual(percents(host), [100, 0]);
  });

  test('a bound that is none is refused before anything begins', async () => {
    const host = setUp();
    await deploy(host, V1);
    assert.throws(() => host.rollout.deploy(V2, { ...WARM, split: { percent: 10, abortIf: ['errors>lots'] } }), failsWith('BAD_REQUEST', 'errors>lots'));
    assert.equal(host.store.state().generation, 1);
  });
});
