// Old and new version of a function that have no room side by side, on a real host with the real addon and a budget of 20 MiB, with pinned
// models of 12 MiB: under load the versions change once and nobody is refused, and whatever goes wrong the old one is back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FunctionView } from '../../deploy/admin/view-routes.ts';
import type { DeployPlan } from '../../deploy/rollout/deploy-plan.ts';
import type { RolloutResult } from '../../deploy/rollout/rollout-event.ts';
import type { PoolView } from '../../runtime/residency/residency.ts';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { RealHost } from '../support/real-host.ts';
import { Traffic, type TrafficAnswer } from '../support/traffic.ts';

const TIME = { timeout: 120_000 };
const LOAD_MS = 300;

let host: RealHost;
const folders = new FunctionFolders();
before(async () => {
  host = await RealHost.start({ flags: ['--devices', 'cpu=20MiB'] });
}, TIME);
after(async () => {
  await host.close();
  folders.remove();
});

/** Answers `says` after a run of its model. Twelve slots are expected to hold 12 MiB, before anything was measured. */
function write(says: string, { script = [], expect = says, name = 'tight' }: { readonly script?: readonly string[]; readonly expect?: string; readonly name?: string } = {}): string {
  return folders.write(name, {
    handler: `export default { async fetch(request, env) { await ${RUN_FAKE}; return new Response('${says}'); } };`,
    manifest: {
      routes: [`GET /${name}`], isolates: 1, warm: [{ request: `GET /${name}`, expect: { text: expect } }],
      models: { MODEL: { path: 'model.fake', slots: 12, residency: 'pinned' } },
    },
    files: { 'model.fake': fakeModel([`# ${says}`, `load-ms ${LOAD_MS}`, `weights-bytes ${12 * 2 ** 20}`, ...script]) },
  });
}

async function resident(): Promise<readonly string[]> {
  const { pools } = await host.view<{ pools: readonly PoolView[] }>('/v1/pools');
  return pools.filter(({ state }) => state === 'resident').flatMap(({ functions }) => functions);
}

/** Asks while `work` goes on, from before it until after it. */
async function during(work: () => Promise<unknown>): Promise<readonly TrafficAnswer[]> {
  const traffic = new Traffic(`${host.url}/tight`, { clients: 4 });
  try {
    await traffic.more(20);
    await work();
    await traffic.more(20);
  } finally {
    await traffic.stop();
  }
  return traffic.answers;
}

/** What was answered, each run of the same once, in the order in which the answers came. */
function changes(answers: readonly TrafficAnswer[], of: (answer: TrafficAnswer) => unknown): readonly unknown[] {
  return answers.map(of).filter((one, index, all) => one !== all[index - 1]);
}

const resultOf = (out: string): RolloutResult => (JSON.parse(out) as { results: readonly [RolloutResult] }).results[0];

test('a deploy under load that fits only in the place of the old version loses no request, changes versions once and tells the gap', TIME, async () => {
  await host.deploy(write('one'));
  const folder = write('two');
  const planned = JSON.parse(await host.must(['deploy', folder, '--plan', '--json'])) as { results: readonly [DeployPlan] };
  const { fit } = planned.results[0];
  assert.equal(fit.kind, 'drain first');
  assert.ok(fit.kind === 'drain first' && fit.gapMs !== undefined && fit.gapMs >= LOAD_MS, JSON.stringify(fit));
  assert.match(await host.must(['deploy', folder, '--plan']), /fit\s+drain first: tight's model MODEL given up before the new models are loaded; callers wait meanwhile, about /);
  let told: { readonly out: string; readonly err: string } = { out: '', err: '' };
  const answers = await during(async () => {
    told = await host.cli(['deploy', folder, '--json']);
  });
  assert.deepEqual(changes(answers, ({ result }) => result), [200]);
  assert.deepEqual(changes(answers, ({ body }) => body), ['one', 'two']);
  assert.ok(answers.some(({ start, body }) => start === 'joined' && body === 'two'), 'who came in the gap has waited for the new version');
  const { gapMs = 0, warnings } = resultOf(told.out);
  assert.ok(gapMs >= LOAD_MS, `${gapMs}`);
  assert.deepEqual(warnings, []);
  assert.match(told.err, /release: callers wait from here on, about .*; MODEL of the old version gives way/);
  const done = await host.event('rollout.done', 2);
  assert.equal(done['gapMs'], gapMs);
  assert.ok(host.logs.some(({ event, reason }) => event === 'pool.evicted' && reason === 'rollout'));
  assert.equal((await resident()).length, 1);
});

test('a new version that answers wrong is taken back: the old model is loaded again before that is told, and nobody is refused', TIME, async () => {
  const before = await resident();
  let code: number | null = 0;
  let err = '';
  const answers = await during(async () => {
    ({ code, err } = await host.cli(['deploy', write('three', { expect: 'four' })]));
    assert.deepEqual(await resident(), before);
  });
  assert.equal(code, 1);
  assert.match(err, /release: undone[\s\S]*WARMUP_FAILED/);
  assert.deepEqual(changes(answers, ({ result }) => result), [200]);
  assert.deepEqual(changes(answers, ({ body }) => body), ['two']);
  assert.equal((await host.ask('/tight')).headers.get('pilotlight-start'), 'warm');
});

test('a rollback under load goes the same way', TIME, async () => {
  const answers = await during(async () => {
    assert.equal((await host.here(['rollback', 'tight'])).code, 0);
  });
  assert.deepEqual(changes(answers, ({ result }) => result), [200]);
  assert.deepEqual(changes(answers, ({ body }) => body), ['two', 'one']);
});

test('beside a version that stays, what has no room is refused with the reason, and nothing is changed', TIME, async () => {
  const before = await resident();
  const { code, err } = await host.cli(['deploy', write('five'), '--split', '10']);
  assert.equal(code, 1);
  assert.match(err, /NEVER_FITS: .*MODEL needs 12\.0 MiB and may have \d\.\d MiB on cpu beside what is pinned/);
  assert.deepEqual(await resident(), before);
  assert.equal(await (await host.ask('/tight')).text(), 'one');
});

test('fault 1: a host that is killed in the gap comes back with the old version whole', TIME, async () => {
  const deploying = host.cli(['deploy', write('six', { script: ['load-ms 20000'] })]);
  await host.event('pool.evicted', 1, ({ reason, for: forWhom }) => reason === 'rollout' && forWhom === 'tight\'s model MODEL');
  while (!(await host.view<{ pools: readonly PoolView[] }>('/v1/pools')).pools.some(({ state }) => state === 'loading')) await new Promise((resolve) => { setImmediate(resolve); });
  const waiting = host.ask('/tight');
  waiting.catch(() => {});
  host.killHost();
  await host.ready(2);
  assert.equal((await deploying).code, 1);
  const answer = await host.ask('/tight');
  assert.deepEqual([answer.status, await answer.text(), answer.headers.get('pilotlight-start')], [200, 'one', 'warm']);
  assert.equal((await resident()).length, 1);
});

test('fault 52: what turns out larger than expected goes the same way; a host that is told to stop in the gap answers who waits by the old version', TIME, async () => {
  const other = await RealHost.start({ flags: ['--devices', 'cpu=20MiB', '--drain-timeout-ms=30000'] });
  try {
    // One slot: expected to hold little more than a MiB.
    const folder = (says: string, loadMs: number): string => folders.write('larger', {
      handler: `export default { async fetch(request, env) { await ${RUN_FAKE}; return new Response('${says}'); } };`,
      manifest: { routes: ['GET /larger'], isolates: 1, limits: { timeoutMs: 30_000 }, models: { MODEL: { path: 'model.fake', slots: 1 } } },
      files: { 'model.fake': fakeModel([`# ${says}`, `load-ms ${loadMs}`, `weights-bytes ${12 * 2 ** 20}`]) },
    });
    await other.deploy(folder('one', 0));
    const { out, err, code } = await other.cli(['deploy', folder('two', 0), '--json']);
    assert.equal(code, 0, err);
    const { gapMs, warnings } = resultOf(out);
    assert.match(warnings.join(), /^load: larger's model MODEL needs 12\.\d MiB on cpu.* the models beside which it is loaded, .*; the old version's models go first$/);
    assert.ok(gapMs !== undefined);
    assert.equal(await (await other.ask('/larger')).text(), 'two');
    const deploying = other.cli(['deploy', folder('three', 3000)]);
    await other.event('pool.evicted', 2, ({ reason }) => reason === 'rollout');
    const waiting = other.ask('/larger');
    while ((await other.view<{ functions: readonly FunctionView[] }>('/v1/functions')).functions[0]?.inFlight !== 1) await new Promise((resolve) => { setImmediate(resolve); });
    other.kill('SIGTERM');
    const answer = await waiting;
    assert.deepEqual([answer.status, await answer.text(), answer.headers.get('pilotlight-start')], [200, 'two', 'joined']);
    assert.equal((await deploying).code, 1);
    assert.equal((await other.ended).exitCode, 0);
  } finally {
    await other.close();
  }
});
