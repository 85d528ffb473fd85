// Rollouts whose versions have no room side by side: nobody is answered by half a version, and whatever fails, all is as it was.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { array, assert as assertProperty, asyncProperty, constant, constantFrom, integer, oneof, record } from 'fast-check';
import { PilotlightError } from '../../runtime/errors.ts';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { GOLDEN, beforeOperation, deploy, failsWith, footprint, idOf, setUp, type Host } from '../../test/support/rollout-fixture.ts';
import { bundleVersion, type Bundle } from '../bundle/bundle.ts';
import type { RolloutEvent } from './rollout-event.ts';

const WARM = { warming: 'warm' } as const;

function pinned(version: string, ...models: readonly string[]): Bundle {
  return modelled(version, 'pinned', models.length === 0 ? [version] : models);
}

function modelled(version: string, residency: 'lru' | 'pinned', models: readonly string[]): Bundle {
  const all = Object.fromEntries(models.map((model) => [`M_${model.toUpperCase()}`, { path: `${model}.onnx`, residency }]));
  return bundleOf('digits', version, { models: all, ...GOLDEN });
}

const [ONE, TWO, THREE] = [pinned('one'), pinned('two'), pinned('three')];

async function tightHost(...deployed: readonly Bundle[]): Promise<Host> {
  const host = setUp();
  host.residency.places = 1;
  for (const bundle of deployed) await deploy(host, bundle);
  return host;
}

describe('a rollout without room for old and new', () => {
  test('makes callers wait, gives the old models up for the new ones, and lets callers go on when they are warm and published', async () => {
    const host = await tightHost(ONE);
    const told: string[] = [];
    const order: string[] = [];
    beforeOperation(host, Infinity, () => {});
    for (const part of [host.dataPlane, host.residency]) {
      part.before = (operation: string) => void order.push(`${operation}${host.dataPlane.paused.size > 0 ? ' (callers wait)' : ''}`);
    }
    const result = await deploy(host, TWO, ({ step, state, detail }: RolloutEvent) => void (state === 'done' && told.push(`${step} ${detail}`)));
    assert.deepEqual(told.map((text) => text.split(' ')[0]),
      ['check', 'store', 'plan', 'isolates', 'release', 'load', 'warm', 'golden', 'commit', 'switch', 'drain', 'unload', 'confirm']);
    assert.deepEqual([...new Set(order)], [
      'start', 'pause', 'ensure (callers wait)', 'golden (callers wait)', 'publish (callers wait)', 'resume (callers wait)', 'drain', 'stop', 'forget',
    ]);
    assert.match(told.join('\n'), /^plan drain first: \w+ given up before the new models are loaded; callers wait meanwhile, about 5 ms;/m);
    assert.match(told.join('\n'), /^release callers wait from here on, about 5 ms; M_ONE of the old version gives way$/m);
    assert.match(told.join('\n'), /^switch .*; callers waited 0 ms at most$/m);
    assert.deepEqual([result.gapMs, host.records.at(-1)?.gapMs, result.warnings], [0, 0, []]);
    assert.deepEqual([footprint(host).serving, footprint(host).resident.length, footprint(host).paused], [[idOf(TWO)], 1, []]);
  });

  test('what one has that has room side by side, or loads nothing, is no gap', async () => {
    const host = await tightHost(ONE);
    assert.equal((await deploy(host, pinned('another', 'one'))).gapMs, undefined);
    assert.equal((await host.rollout.deploy(TWO, { warming: 'cold' })).gapMs, undefined);
    host.residency.places = 2;
    assert.equal((await deploy(host, THREE)).gapMs, undefined);
  });

  test('callers are told how long to wait where loads were measured, and the old version has as long to settle as its requests may take', async () => {
    const host = await tightHost(ONE);
    host.dataPlane.before = (operation) => {
      if (operation === 'resume') assert.deepEqual(host.dataPlane.paused.get('digits'), { settleMs: 1000, gapMs: 5 });
    };
    host.dataPlane.unsettled = 2;
    const result = await deploy(host, TWO);
    assert.match(result.warnings.join(), /^release: 2 requests of the old version did not end within 1\.0 s/);
  });

  test('a gap that is expected to outlast the callers is told, with what they are answered', async () => {
    const host = setUp();
    host.residency.places = 1;
    const brief = bundleOf('digits', 'brief', { models: { M: { path: 'brief.onnx' } }, limits: { timeoutMs: 4 } });
    await deploy(host, brief);
    assert.match((await deploy(host, TWO)).warnings.join(), /^release: callers cannot wait .* limits\.timeoutMs is 4 ms: .* 503 with Retry-After$/);
  });

  test('every failing operation leaves the old version whole and answering, or the new one', async () => {
    for (const [before, after] of [[[ONE], TWO], [[pinned('a and b', 'a', 'b')], pinned('b and c', 'b', 'c')]] as const) {
      for (let k = 1; ; k++) {
        const host = setUp();
        host.residency.places = after === TWO ? 1 : 2;
        for (const bundle of before) await deploy(host, bundle);
        const found = footprint(host);
        let failed = '';
        const counted = beforeOperation(host, k, (operation) => {
          failed = operation;
          throw new Error(`${operation} failed`);
        });
        const outcome = await deploy(host, after).catch((error: unknown) => error);
        if (counted() < k) break;
        const place = `operation ${k}: ${failed}`;
        const now = footprint(host);
        assert.deepEqual(now.paused, [], place);
        assert.equal(host.clock.pending, 0, place);
        if (failed === 'publish') assert.match(String(outcome), /restart/, place);
        else if (outcome instanceof Error) assert.deepEqual(now, found, place);
        else assert.deepEqual([now.serving, now.resident.length], [[idOf(after)], host.residency.places], place);
      }
    }
  });

  test('a wrong golden answer brings the old models back, also when they are pinned, before the failure is told', async () => {
    const host = await tightHost(ONE);
    const before = footprint(host);
    host.dataPlane.answer = () => ({ status: 500, headers: {}, body: new Uint8Array(), durationMs: 1 });
    const states: string[] = [];
    await assert.rejects(deploy(host, TWO, ({ step, state }) => void (state === 'undone' && states.push(step))), failsWith('WARMUP_FAILED'));
    assert.deepEqual(states, ['release', 'isolates', 'plan', 'store']);
    assert.deepEqual(footprint(host), before);
    assert.equal(host.residency.loads.length, 3);
  });

  test('callers go on even when the old models cannot be brought back, and that is told beside the failure', async () => {
    const host = await tightHost(ONE);
    let loads = 0;
    host.residency.before = (operation) => {
      if (operation === 'ensure' && ++loads > 0) throw new PilotlightError('LOAD_FAILED', 'the disk is gone');
    };
    host.residency.places = 1;
    host.residency.resident.clear();
    host.residency.resident.add([...host.residency.declared.keys()][0] ?? '');
    const warned: string[] = [];
    await assert.rejects(deploy(host, TWO, ({ state, detail }) => void (state === 'warning' && warned.push(detail))), failsWith('LOAD_FAILED', 'the disk is gone'));
    assert.deepEqual(warned, ['could not be undone: the disk is gone']);
    assert.deepEqual([footprint(host).serving, footprint(host).paused, footprint(host).running], [[idOf(ONE)], [], [idOf(ONE)]]);
  });

  test('a load that finds no room although it was expected is done again in the place of the old models', async () => {
    const host = await tightHost(ONE);
    host.residency.expectedPlaces = 2;
    const steps: string[] = [];
    const result = await deploy(host, TWO, ({ step, state }) => void (state === 'done' && steps.push(step)));
    assert.deepEqual(steps.slice(2, 6), ['plan', 'isolates', 'release', 'load']);
    assert.match(result.warnings.join(), /^load: pinned models hold too much; the old version's models go first$/);
    assert.deepEqual([footprint(host).serving, footprint(host).paused, result.gapMs], [[idOf(TWO)], [], 0]);
  });

  test('a host that stops in the gap loads nothing again for nobody, and leaves nothing waiting', async () => {
    const host = await tightHost(ONE);
    let closing: Promise<void> | undefined;
    host.dataPlane.before = (operation) => {
      if (operation === 'golden') closing = host.rollout.close();
    };
    await assert.rejects(deploy(host, TWO), failsWith('DRAINING'));
    await closing;
    assert.deepEqual([footprint(host).paused, footprint(host).serving, host.residency.loads.length], [[], [idOf(ONE)], 2]);
  });

  test('a rollback has its gap too; beside a split that stays there is none, and what cannot take turns is refused with the reason', async () => {
    const host = await tightHost(ONE, TWO);
    assert.equal((await host.rollout.rollback('digits', undefined, WARM)).gapMs, 0);
    assert.deepEqual(footprint(host).serving, [idOf(ONE)]);
    const before = footprint(host);
    const beside = { ...WARM, split: { percent: 10, abortIf: [] } };
    await assert.rejects(host.rollout.deploy(THREE, beside), failsWith('NEVER_FITS', 'M_THREE', 'may have 0.0 MiB', 'pinned'));
    assert.deepEqual(footprint(host), before);
    const turns = await tightHost(modelled('one', 'lru', ['one']));
    const result = await turns.rollout.deploy(modelled('two', 'lru', ['two']), beside);
    assert.deepEqual([result.gapMs, turns.residency.resident.size, footprint(turns).serving.length], [undefined, 1, 2]);
    assert.equal((await turns.rollout.promote('digits', WARM)).gapMs, undefined);
  });

  test('fault 7, fault 9: deploys at once and a rollback during them wait for each other, and the last one asked for wins', async () => {
    const host = await tightHost(ONE);
    const results = await Promise.all([deploy(host, TWO), deploy(host, THREE), host.rollout.rollback('digits', undefined, WARM)]);
    assert.deepEqual(results.map(({ version }) => version), [TWO, THREE, TWO].map(bundleVersion));
    assert.deepEqual([footprint(host).serving, footprint(host).declared, footprint(host).paused], [[idOf(TWO)], [idOf(TWO)], []]);
  });

  test('whatever is asked for in whatever order, and whatever fails: one whole version answers at a time, and nothing leaks', async () => {
    const versions = ['a', 'b', 'c'].flatMap((first) => (['lru', 'pinned'] as const).flatMap((residency) =>
      [modelled(`${residency} ${first}`, residency, [first]), modelled(`${residency} ${first} and d`, residency, [first, 'd'])]));
    const command = record({ act: constantFrom('deploy', 'deploy', 'rollback'), version: integer({ min: 0, max: versions.length - 1 }), failing: oneof(constant(0), integer({ min: 1, max: 24 })) });
    await assertProperty(asyncProperty(integer({ min: 2, max: 3 }), array(command, { minLength: 2, maxLength: 8 }), async (places, commands) => {
      const host = setUp();
      host.residency.places = places;
      for (const { act, version, failing } of commands) {
        const before = footprint(host);
        let failed = '';
        let count = 0;
        for (const part of [host.store, host.dataPlane, host.residency, host.engine]) {
          part.before = (operation: string) => {
            assertWhole(host, operation);
            count++;
            if (count !== failing) return;
            failed = operation;
            throw new Error(`${operation} failed`);
          };
        }
        const run = act === 'deploy' ? deploy(host, versions[version] as Bundle) : host.rollout.rollback('digits', undefined, WARM);
        const outcome = await run.catch((error: unknown) => error);
        const now = footprint(host);
        assert.deepEqual([now.paused, host.clock.pending], [[], 0], failed);
        // What was left over of it is finished by a restart.
        if (failed === 'publish') return;
        if (outcome instanceof Error) assert.deepEqual({ ...now, stored: [] }, { ...before, stored: [] }, failed);
        else if (['stop', 'forget', 'drain'].includes(failed)) return;
        else assert.deepEqual([now.declared, now.running], [now.serving, now.serving], failed);
      }
    }), { numRuns: 150 });
  });
});

/** One version answers, and has its models, or its callers wait. */
function assertWhole(host: Host, operation: string): void {
  const { serving } = host.dataPlane;
  assert.ok(serving.length <= 1, operation);
  for (const id of serving) {
    assert.ok(host.dataPlane.running.has(id), `${operation}: ${id} does not run`);
    const keys = [...host.residency.declared].filter(([, ids]) => ids.has(id)).map(([key]) => key);
    const isWarm = keys.every((key) => host.residency.resident.has(key));
    assert.ok(isWarm || host.dataPlane.paused.has('digits'), `${operation}: ${id} is asked without its models`);
  }
}
