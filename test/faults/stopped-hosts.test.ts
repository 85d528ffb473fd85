// SIGTERM at any time: nobody who was taken in is let down, the store stays whole, the exit code is 0.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { RealHost } from '../support/real-host.ts';
import { askOnce, type Outcome } from '../support/short-requests.ts';
import { Traffic } from '../support/traffic.ts';

const TIME = { timeout: 60_000 };
const folders = new FunctionFolders();
const running: RealHost[] = [];
after(async () => {
  for (const host of running) await host.close();
  folders.remove();
});

async function start(options: ConstructorParameters<typeof RealHost>[0] = {}): Promise<RealHost> {
  const host = await RealHost.start(options);
  running.push(host);
  return host;
}

const STOPPED = { exitCode: 0, message: '' };

/** Answers at the root at once, at /slow after a while, at /never never. */
const SLEEPER = folders.write('sleeper', {
  handler: `export default { async fetch(request) {
    if (request.url.endsWith('/never')) await new Promise(() => {});
    if (request.url.endsWith('/slow')) await new Promise((resolve) => setTimeout(resolve, 1500));
    return new Response('answered'); } };`,
  manifest: { routes: ['/', '/slow', '/never'], isolates: 1, limits: { concurrency: 2000, timeoutMs: 30_000 } },
});

const LOADER = folders.write('loader', {
  handler: `export default { async fetch(request, env) { await ${RUN_FAKE}; return new Response('loaded'); } };`,
  manifest: { routes: ['/loader'], isolates: 1, models: { MODEL: { path: 'model.fake', slots: 1 } } },
  files: { 'model.fake': fakeModel(['load-ms 1500']) },
});

/** Resolves when so many requests of the function are in the host. */
async function inFlight(host: RealHost, name: string, count: number): Promise<void> {
  for (;;) {
    const { functions } = await host.view<{ functions: readonly { name: string; inFlight: number }[] }>('/v1/functions');
    if (functions.find((one) => one.name === name)?.inFlight === count) return;
  }
}

const failures = (outcomes: readonly Outcome[], body: string): readonly Outcome[] => outcomes.filter((outcome) => outcome.result !== 200 || outcome.body !== body);

for (const count of [0, 1, 1000]) {
  test(`fault 51: SIGTERM with ${count} in flight answers each of them and exits with 0`, TIME, async () => {
    const host = await start();
    await host.deploy(SLEEPER);
    const asked = Array.from({ length: count }, () => askOnce(host.port, '/slow'));
    await inFlight(host, 'sleeper', count);
    host.kill('SIGTERM');
    assert.deepEqual(failures(await Promise.all(asked), 'answered'), []);
    assert.deepEqual(await host.ended, STOPPED);
    assert.equal((await askOnce(host.port)).result, 'ECONNREFUSED');
  });
}

test('fault 51: SIGTERM under load fails no request of a kept connection; new callers hear DRAINING until the end', TIME, async () => {
  const host = await start();
  await host.deploy(SLEEPER);
  const slow = askOnce(host.port, '/slow');
  await inFlight(host, 'sleeper', 1);
  const traffic = new Traffic(host.url, { clients: 8 });
  await traffic.more(100);
  host.kill('SIGTERM');
  await host.event('host.stopping');
  assert.equal((await slow).body, 'answered');
  assert.deepEqual(await host.ended, STOPPED);
  const answers = await traffic.stop();
  const others = answers.filter(({ result }) => result !== 200 && result !== 'ECONNREFUSED');
  // One a client may knock in the moment in which the port closes for good: the kernel resets it, nobody took it.
  const late = others.filter(({ result }) => result === 'ECONNRESET');
  assert.ok(late.length <= 8, `${late.length} were reset`);
  assert.deepEqual(others.filter(({ result, body }) => result !== 'ECONNRESET' && !(result === 503 && body.includes('DRAINING'))), []);
  assert.ok(others.some(({ result }) => result === 503), 'while the slow request was waited for, new callers were told');
  const firstRefused = answers.findIndex(({ result }) => result === 503);
  assert.deepEqual(answers.slice(0, firstRefused).filter(({ result }) => result !== 200), [], 'no request was lost before the first refusal');
});

test('fault 51: what is not answered at drainTimeoutMs is told DRAINING, and the exit code is 0 all the same', TIME, async () => {
  const host = await start({ flags: ['--drain-timeout-ms=500'] });
  await host.deploy(SLEEPER);
  const asked = askOnce(host.port, '/never');
  await inFlight(host, 'sleeper', 1);
  host.kill('SIGTERM');
  const { result, body } = await asked;
  assert.deepEqual([result, (JSON.parse(body) as { code: string }).code], [503, 'DRAINING']);
  assert.deepEqual(await host.ended, STOPPED);
});

test('fault 51: the second SIGTERM ends all at once', TIME, async () => {
  const host = await start();
  await host.deploy(SLEEPER);
  const asked = askOnce(host.port, '/never');
  await inFlight(host, 'sleeper', 1);
  host.kill('SIGTERM');
  await host.event('host.stopping');
  host.kill('SIGTERM');
  assert.deepEqual(await host.ended, { exitCode: 143, message: 'error: stopped at once by a second signal' });
  assert.equal((await asked).result, 'ECONNRESET');
});

test('fault 52: SIGTERM while a request waits for a load lets the load end and answers the request', TIME, async () => {
  const host = await start();
  await host.deploy(LOADER, '--no-warm');
  const asked = askOnce(host.port, '/loader');
  await inFlight(host, 'loader', 1);
  host.kill('SIGTERM');
  assert.deepEqual(await asked, { result: 200, body: 'loaded' });
  assert.deepEqual(await host.ended, STOPPED);
});

test('fault 52: SIGTERM during a deploy undoes it, says why, and the next start serves what served before', TIME, async () => {
  const first = await start();
  await first.deploy(SLEEPER);
  const old = readdirSync(join(first.store, 'versions', 'sleeper'));
  // The new version of the sleeper has the loader's model.
  const folder = folders.write('sleeper-next', {
    handler: `export default { fetch: () => new Response('new') };`,
    manifest: { name: 'sleeper', routes: ['/'], models: { MODEL: { path: 'model.fake', slots: 1 } } }, files: { 'model.fake': fakeModel(['load-ms 1500', '# next']) },
  });
  const deployed = first.cli(['deploy', folder], { onErr: (text) => { if (text.includes(': plan: overlap')) first.kill('SIGTERM'); } });
  const { code, err } = await deployed;
  assert.equal(code, 1);
  assert.match(err, /error: DRAINING: the host is stopping; deploy again when it is back\n$/);
  assert.deepEqual(await first.ended, STOPPED);
  assert.deepEqual(readdirSync(join(first.store, 'versions', 'sleeper')), old, 'nothing of the undone deploy is left');
  const second = await start({ store: first.store });
  assert.equal((await askOnce(second.port)).body, 'answered');
});

test('fault 52: SIGTERM while what is deployed is being loaded again exits with 0', TIME, async () => {
  const first = await start();
  await first.deploy(LOADER);
  first.kill('SIGTERM');
  assert.deepEqual(await first.ended, STOPPED);
  const second = new RealHost({ store: first.store });
  running.push(second);
  await second.event('isolate.started');
  second.kill('SIGTERM');
  assert.deepEqual(await second.ended, STOPPED);
  assert.ok(!second.logs.some(({ event }) => event === 'host.ready'));
});
