// A function's life on a real host, told by the CLI and by what its callers see: deployed, asked, changed under load, gone back
// from, taken away.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { sumOf } from '../support/metrics-text.ts';
import { RealHost, runPilotlight } from '../support/real-host.ts';
import { Traffic } from '../support/traffic.ts';

const DIGITS = fileURLToPath(new URL('../../../functions/digits', import.meta.url));
const SAMPLE = join(DIGITS, 'samples', '3-001.png');
const TIME = { timeout: 120_000 };

let host: RealHost;
const folders = new FunctionFolders();
before(async () => {
  host = await RealHost.start();
}, TIME);
after(async () => {
  await host.close();
  folders.remove();
});

const metric = async (name: string, labels: string): Promise<number> => sumOf(await host.metrics(), name, labels);

/** Says its version before and after a run of its model. */
function writeSpeaker(says: string): string {
  return folders.write('speaker', {
    handler: `export default { async fetch(request, env) { const before = '${says}'; await ${RUN_FAKE}; return new Response(before + ' ${says}'); } };`,
    manifest: { isolates: 2, models: { MODEL: { path: 'model.fake', slots: 2, residency: 'pinned' } }, warm: [{ request: 'GET /speaker', expect: { text: `${says} ${says}` } }] },
    files: { 'model.fake': fakeModel(['run-ms 2', 'load-ms 50']) },
  });
}

test('check and types tell of a folder without a host', TIME, async () => {
  const checked = await runPilotlight(['check', DIGITS]);
  assert.equal(checked.code, 0, checked.err);
  assert.match(checked.out, /is fit to deploy as digits@[0-9a-f]{8}\n[^]*DIGITS: image float32\[batch, 1, 28, 28\] -> logits float32\[batch, 10\]/);
  const types = await runPilotlight(['types', DIGITS, '--check']);
  assert.deepEqual([types.code, types.err], [0, '']);
});

test('the first request after a deploy is warm, answered right, and says which version answered', TIME, async () => {
  assert.match(await host.must(['deploy', DIGITS]), /^digits@[0-9a-f]{8} deployed in /);
  const answer = await host.ask('/digits', { method: 'POST', body: readFileSync(SAMPLE) });
  assert.equal((await answer.json() as { digit: number }).digit, 3);
  assert.equal(answer.headers.get('pilotlight-start'), 'warm');
  assert.match(answer.headers.get('pilotlight-version') ?? '', /^digits@[0-9a-f]{8}$/);
  assert.match(answer.headers.get('server-timing') ?? '', /^acquire;dur=[\d.]+, queue;dur=[\d.]+, execute;dur=[\d.]+, handler;dur=[\d.]+$/);
  assert.match(answer.headers.get('pilotlight-request-id') ?? '', /./);
});

test('the same content again changes nothing', TIME, async () => {
  assert.match(await host.must(['deploy', DIGITS]), /serves already, nothing changed/);
});

test('invoke sends a request as curl would, and ends with 1 when the answer is an error', TIME, async () => {
  const { code, out, err } = await host.cli(['invoke', 'digits', '--data', `@${SAMPLE}`, '-v', '--url', host.url]);
  assert.equal(code, 0, err);
  assert.equal((JSON.parse(out) as { digit: number }).digit, 3);
  assert.match(err, /^200 OK\n[^]*pilotlight-start: warm/);
  const missed = await host.cli(['invoke', '/nowhere', '--url', host.url]);
  assert.deepEqual([missed.code, JSON.parse(missed.out).code], [1, 'NO_ROUTE']);
});

test('functions, versions, pools, devices and doctor tell what the host has', TIME, async () => {
  assert.match(await host.must(['functions']), /^FUNCTION .*\ndigits@[0-9a-f]{8} +serving +yes +all +2 .* POST \/digits\n$/);
  assert.match(await host.must(['versions', 'digits']), /digits@[0-9a-f]{8} .* current/);
  assert.match(await host.must(['pools']), /resident +cpu +2 +0 +0 .* digits@[0-9a-f]{8}\n$/);
  assert.match(await host.must(['devices']), /^DEVICE .*\ncpu +1 /);
  assert.match(await host.must(['doctor']), /✓ onnxruntime +\d+\.\d+\.\d+ +\/.*libonnxruntime/);
  for (const command of [['functions'], ['versions', 'digits'], ['pools'], ['devices'], ['doctor']]) {
    assert.equal(typeof JSON.parse(await host.must([...command, '--json'])), 'object', command[0]);
  }
});

test('changed handlers and a rollback under load fail nothing, mix nothing and load no model', TIME, async () => {
  await host.must(['deploy', writeSpeaker('v1')]);
  const loads = await metric('faas_init_duration_seconds_count', 'faas_name="speaker"');
  const traffic = new Traffic(`${host.url}/speaker`, { clients: 8 });
  await traffic.more(100);
  for (const says of ['v2', 'v3', 'v4']) {
    await host.must(['deploy', writeSpeaker(says)]);
    const from = traffic.answers.length;
    await traffic.more(100);
    // Those of before the switch may still have been on their way: one a client.
    assert.deepEqual(traffic.answers.slice(from + 8).filter(({ body }) => body !== `${says} ${says}`), []);
  }
  assert.match(await host.must(['rollback', 'speaker']), /^speaker@[0-9a-f]{8} rolled back in /);
  await traffic.more(100);
  const answers = await traffic.stop();
  assert.deepEqual(answers.filter(({ result }) => result !== 200), []);
  assert.equal(answers.at(-1)?.body, 'v3 v3');
  const bodyOf = new Map(answers.map(({ version, body }) => [version, body]));
  assert.deepEqual([...bodyOf.values()].sort(), ['v1 v1', 'v2 v2', 'v3 v3', 'v4 v4']);
  assert.deepEqual(answers.filter(({ version, body, start }) => bodyOf.get(version) !== body || start !== 'warm'), []);
  assert.deepEqual([loads, await metric('faas_init_duration_seconds_count', 'faas_name="speaker"')], [1, 1]);
  assert.ok(await metric('pilotlight_pool_hit_total', 'faas_name="speaker"') >= answers.length);
  assert.equal(await metric('pilotlight_pool_miss_total', 'faas_name="speaker"'), 0);
});

test('fault 9: requests in flight end on the version that took them, also across a rollback', TIME, async () => {
  const writeSlow = (says: string): string => folders.write('slow', {
    handler: `export default { async fetch(request) {
      if (request.headers.has('pilotlight-warmup') || request.url.endsWith('/quick')) return new Response('${says}');
      await new Promise((resolve) => setTimeout(resolve, 1500)); return new Response('${says}'); } };`,
    manifest: { routes: ['/slow', '/slow/quick'], warm: [{ request: '/slow' }] },
  });
  await host.must(['deploy', writeSlow('first')]);
  const onFirst = host.ask('/slow');
  const deployed = host.must(['deploy', writeSlow('second')]);
  while (await (await host.ask('/slow/quick')).text() === 'first') await new Promise((resolve) => { setImmediate(resolve); });
  const onSecond = host.ask('/slow');
  assert.equal(await (await onFirst).text(), 'first');
  await deployed;
  await host.must(['rollback', 'slow']);
  assert.equal(await (await onSecond).text(), 'second');
  assert.equal(await (await host.ask('/slow/quick')).text(), 'first');
  await host.must(['delete', 'slow']);
});

test('a deleted function is gone at once: its route, its versions, its pool', TIME, async () => {
  assert.match(await host.must(['delete', 'speaker']), /^speaker deleted in /);
  assert.equal((await host.ask('/speaker')).status, 404);
  assert.match((await host.cli(['versions', 'speaker'])).err, /NO_FUNCTION: .*speaker/);
  assert.doesNotMatch(await host.must(['pools']), /speaker/);
  assert.deepEqual((await host.view<{ functions: readonly { name: string }[] }>('/v1/functions')).functions.map(({ name }) => name), ['digits']);
});

test('fault 8: two names for one model share one pool, and the pool goes with the last of them', TIME, async () => {
  const write = (name: string): string => folders.write(name, {
    handler: `export default { async fetch(request, env) { const { y } = await ${RUN_FAKE}; return new Response(String(y.data[0])); } };`,
    manifest: { models: { MODEL: { path: 'model.fake', slots: 1 } } }, files: { 'model.fake': fakeModel(['# shared']) },
  });
  await host.must(['deploy', write('one'), write('two')]);
  const shared = async () => (await host.view<{ pools: readonly { functions: readonly string[] }[] }>('/v1/pools')).pools
    .map(({ functions }) => functions.map((id) => id.split('@')[0])).filter((names) => !names.includes('digits'));
  assert.deepEqual(await shared(), [['one', 'two']]);
  await host.must(['delete', 'one']);
  assert.equal(await (await host.ask('/two')).text(), '1');
  assert.deepEqual(await shared(), [['two']]);
  await host.must(['delete', 'two']);
  assert.deepEqual(await shared(), []);
});
