import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { HandlerHost } from '../../test/support/handler-host.ts';

async function open(context: TestContext): Promise<HandlerHost> {
  const host = await HandlerHost.open({ listen: [{ host: '127.0.0.1', port: 0 }, { host: '127.0.0.1', port: 0 }] });
  context.after(() => host.close());
  return host;
}

const says = (text: string): string => `export default { fetch: async (request) => new Response('${text} ' + await request.text()) };`;

/** Sent, and in the host. */
async function asked(host: HandlerHost, count: number, path: string): Promise<readonly Promise<Response>[]> {
  const answers = Array.from({ length: count }, (_, index) => fetch(`http://127.0.0.1:${host.plane.ports[index % 2]}${path}`, { method: 'POST', body: String(index) }));
  await waiting(host, count);
  return answers;
}

async function waiting(host: HandlerHost, count: number): Promise<void> {
  while (host.plane.waiting('fn') !== count) await new Promise((resolve) => { setImmediate(resolve); });
}

test('requests that come in a pause wait, and are answered by the version that is published when it is over', async (context) => {
  const host = await open(context);
  const old = await host.serve(says('old'), { name: 'fn', routes: ['/fn'] });
  assert.equal(await host.plane.pause('fn', { settleMs: 5000 }), 0);
  const answers = await asked(host, 5, '/fn');
  assert.deepEqual(host.plane.snapshot().map(({ inFlight }) => inFlight), [0], 'nothing of it is on the old version');
  await host.serve(says('new'), { name: 'fn', routes: ['/fn'] });
  await host.plane.resume('fn');
  for (const [index, answer] of (await Promise.all(answers)).entries()) {
    assert.deepEqual([answer.status, await answer.text(), answer.headers.get('pilotlight-start')], [200, `new ${index}`, 'joined']);
  }
  const { wait } = await host.record('/fn');
  assert.deepEqual([wait?.start, wait?.for], ['joined', 'rollout']);
  assert.ok((wait?.untilMs ?? 0) > (wait?.fromMs ?? 0));
  await host.plane.stop('fn', old.version);
  assert.equal((await fetch(`${host.url}/fn`)).headers.get('pilotlight-start'), 'warm');
});

test('other functions do not wait, and neither do golden requests', async (context) => {
  const host = await open(context);
  await host.serve(says('other'), { name: 'other', routes: ['/other'] });
  const version = await host.serve(says('here'), { name: 'fn', routes: ['/fn'], limits: { concurrency: 2 } });
  await host.plane.pause('fn', { settleMs: 5000 });
  const answers = await asked(host, 2, '/fn');
  assert.equal((await fetch(`${host.url}/other`)).status, 200);
  const golden = await host.plane.golden(version, 0, { method: 'POST', path: '/fn', headers: {}, body: undefined });
  assert.equal(golden.status, 200, 'also when the function has as many requests as it may');
  const surplus = await fetch(`${host.url}/fn`);
  assert.deepEqual([surplus.status, (await surplus.json() as { code: string }).code], [429, 'TOO_BUSY']);
  await host.plane.resume('fn');
  assert.deepEqual((await Promise.all(answers)).map(({ status }) => status), [200, 200]);
  assert.equal((await fetch(`${host.url}/fn`)).status, 200, 'nothing is counted any more');
});

test('who waits longer than his deadline is told so; who cannot live to see the end is refused at once, with the time to come again', async (context) => {
  const host = await open(context);
  await host.serve(says('here'), { name: 'fn', routes: ['/fn'], limits: { timeoutMs: 300, concurrency: 1 } });
  await host.plane.pause('fn', { settleMs: 5000 });
  const late = await fetch(`${host.url}/fn`);
  assert.deepEqual([late.status, (await late.json() as { code: string }).code], [504, 'DEADLINE']);
  await host.plane.resume('fn');
  assert.equal((await fetch(`${host.url}/fn`)).status, 200);
  await host.plane.pause('fn', { gapMs: 60_000, settleMs: 5000 });
  const refused = await fetch(`${host.url}/fn`);
  assert.deepEqual([refused.status, refused.headers.get('retry-after'), (await refused.json() as { code: string }).code], [503, '60', 'DRAINING']);
  await host.plane.resume('fn');
  assert.equal((await fetch(`${host.url}/fn`)).status, 200);
});

test('those who waited go on by and by, in their order, and all are answered', async (context) => {
  const host = await open(context);
  await host.serve(`let running = 0; let most = 0;
    export default { async fetch() {
      most = Math.max(most, ++running);
      await new Promise((resolve) => { setTimeout(resolve, 1); });
      running--;
      return new Response(String(most));
    } };`, { name: 'fn', routes: ['/fn'] });
  await host.plane.pause('fn', { settleMs: 5000 });
  const answers = await asked(host, 200, '/fn');
  await host.plane.resume('fn');
  const all = await Promise.all(answers);
  assert.deepEqual([...new Set(all.map(({ status }) => status))], [200]);
  assert.ok(Math.max(...(await Promise.all(all.map((answer) => answer.text()))).map(Number)) <= 32);
  assert.equal(host.plane.waiting('fn'), 0);
});

test('one that was let go on into another pause waits there', async (context) => {
  const host = await open(context);
  await host.serve(says('here'), { name: 'fn', routes: ['/fn'] });
  await host.plane.pause('fn', { settleMs: 5000 });
  const answers = await asked(host, 100, '/fn');
  const resumed = host.plane.resume('fn');
  const paused = host.plane.pause('fn', { settleMs: 5000 });
  await Promise.all([resumed, paused]);
  await host.plane.resume('fn');
  assert.deepEqual([...new Set((await Promise.all(answers)).map(({ status }) => status))], [200]);
  assert.equal(host.plane.waiting('fn'), 0);
});

test('what is in flight when a pause begins ends on its version; what does not end in time is told by its number and goes on', async (context) => {
  const host = await open(context);
  const gate = new BroadcastChannel('paused');
  await host.serve(`const open = new Promise((resolve) => { new BroadcastChannel('paused').onmessage = resolve; });
    export default { async fetch() { await open; return new Response('done'); } };`, { name: 'fn', routes: ['/fn'] });
  const slow = fetch(`${host.url}/fn`);
  while (host.plane.snapshot()[0]?.inFlight !== 1) await new Promise((resolve) => { setImmediate(resolve); });
  assert.equal(await host.plane.pause('fn', { settleMs: 20 }), 1);
  gate.postMessage('open');
  gate.close();
  assert.deepEqual([(await slow).status, (await slow).headers.get('pilotlight-start')], [200, 'warm']);
  assert.equal(await host.plane.pause('fn', { settleMs: 5000 }), 0);
});

test('fault 26, fault 51: a caller who leaves in a pause is forgotten, and a host that stops in one cuts who waits at its deadline', async (context) => {
  const host = await open(context);
  await host.serve(says('here'), { name: 'fn', routes: ['/fn'], limits: { concurrency: 1, timeoutMs: 60_000 } });
  await host.plane.pause('fn', { settleMs: 5000 });
  const leaving = new AbortController();
  const left = fetch(`${host.url}/fn`, { signal: leaving.signal });
  await waiting(host, 1);
  leaving.abort();
  await assert.rejects(left);
  await waiting(host, 0);
  const [stays] = await asked(host, 1, '/fn');
  assert.equal(await host.plane.close(200), 1);
  const answer = await stays;
  assert.ok(answer);
  assert.deepEqual([answer.status, (await answer.json() as { code: string }).code], [503, 'DRAINING']);
});
