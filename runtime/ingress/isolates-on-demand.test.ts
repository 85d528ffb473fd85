import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { HandlerHost } from '../../test/support/handler-host.ts';
import type { DataPlaneOptions } from './data-plane.ts';

const folder = mkdtempSync(join(tmpdir(), 'on-demand-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function open(context: TestContext, options: Partial<DataPlaneOptions> = {}): Promise<HandlerHost> {
  const host = await HandlerHost.open(options);
  context.after(() => host.close());
  return host;
}

/** A door that handlers wait for, in their import or in a request. */
function gate(name: string): { readonly source: string; open(): void; close(): void } {
  const file = join(folder, name);
  return {
    source: `import { existsSync } from 'node:fs';
      const opened = async () => { while (!existsSync(${JSON.stringify(file)})) await new Promise((resolve) => { setTimeout(resolve, 5); }); };`,
    open: () => writeFileSync(file, ''),
    close: () => rmSync(file, { force: true }),
  };
}

const statusOf = (host: HandlerHost, name: string) => host.plane.snapshot().find((one) => one.name === name);
const startOf = (answer: Response): string | null => answer.headers.get('pilotlight-start');
const startsOf = (host: HandlerHost, name: string, reason: string): number => host.isolates.filter((one) => one.function === name && one.reason === reason).length;

async function inFlight(host: HandlerHost, name: string, count: number): Promise<void> {
  while (statusOf(host, name)?.inFlight !== count) await new Promise((resolve) => { setImmediate(resolve); });
}

test('an idle function has no isolate left, and its next request starts one and says so', async (context) => {
  const host = await open(context, { isolateIdleMs: 50 });
  await host.serve(`export default { fetch: () => new Response('here') };`, { name: 'idle', routes: ['/idle'] });
  await host.until(() => (host.stopped.length === 2 ? true : undefined));
  assert.deepEqual([...host.stopped].map(({ function: name, why }) => `${name} ${why}`), ['idle idle', 'idle idle']);
  assert.equal(statusOf(host, 'idle')?.isolates, 0);
  const answer = await fetch(`${host.url}/idle`);
  assert.deepEqual([answer.status, await answer.text(), startOf(answer)], [200, 'here', 'cold']);
  assert.match(answer.headers.get('server-timing') ?? '', /^acquire;dur=[1-9]/);
  const { wait, start } = await host.record('/idle');
  const started = await host.until(() => host.isolates.find((one) => one.reason === 'request'));
  assert.deepEqual([start, wait?.start, wait?.startId], ['cold', 'cold', started.startId]);
  assert.ok((wait?.startMs ?? 0) < (wait?.readyMs ?? 0) && (wait?.fromMs ?? 0) < (wait?.untilMs ?? 0));
});

test('any number of requests wait for one start: one is cold, the others have joined it', async (context) => {
  const host = await open(context, { listen: [{ host: '127.0.0.1', port: 0 }, { host: '127.0.0.1', port: 0 }] });
  const door = gate('joined');
  await host.declare(`${door.source} await opened(); export default { fetch: () => new Response('x') };`, { name: 'joined', routes: ['/joined'] });
  const asked = Array.from({ length: 12 }, (_, index) => fetch(`http://127.0.0.1:${host.plane.ports[index % 2]}/joined`));
  await inFlight(host, 'joined', 12);
  door.open();
  const starts = (await Promise.all(asked)).map(startOf).sort();
  assert.deepEqual(starts, ['cold', ...Array.from({ length: 11 }, () => 'joined')]);
  assert.equal(startOf(await fetch(`${host.url}/joined`)), 'warm');
  await host.until(() => (host.isolates.length === 2 ? true : undefined));
  assert.equal(startsOf(host, 'joined', 'request'), 2, 'one that serves, and the spare behind it');
});

test('a caller who leaves does not cancel the start that others profit from', async (context) => {
  const host = await open(context);
  const door = gate('leaver');
  await host.declare(`${door.source} await opened(); export default { fetch: () => new Response('x') };`, { name: 'leaver', routes: ['/leaver'] });
  const leaving = new AbortController();
  const left = fetch(`${host.url}/leaver`, { signal: leaving.signal });
  await inFlight(host, 'leaver', 1);
  leaving.abort();
  await assert.rejects(left);
  await inFlight(host, 'leaver', 0);
  assert.deepEqual([(await host.record('/leaver')).start, (await host.record('/leaver')).errorCode], ['cold', 'CLIENT_CLOSED']);
  door.open();
  await host.until(() => host.isolates.find((one) => one.function === 'leaver'));
  assert.equal((await fetch(`${host.url}/leaver`)).status, 200);
});

test('a request that waits for a start ends at its deadline', async (context) => {
  const host = await open(context);
  const door = gate('late');
  await host.declare(`${door.source} await opened(); export default { fetch: () => new Response('x') };`, { name: 'late', routes: ['/late'], limits: { timeoutMs: 100 } });
  const answer = await fetch(`${host.url}/late`);
  assert.deepEqual([answer.status, startOf(answer)], [504, 'cold']);
  door.open();
});

test('requests that wait for a start count against the concurrency of their function', async (context) => {
  const host = await open(context);
  const door = gate('crowd');
  await host.declare(`${door.source} await opened(); export default { fetch: () => new Response('x') };`, { name: 'crowd', routes: ['/crowd'], limits: { concurrency: 2 } });
  const asked = [fetch(`${host.url}/crowd`), fetch(`${host.url}/crowd`)];
  await inFlight(host, 'crowd', 2);
  assert.equal((await fetch(`${host.url}/crowd`)).status, 429);
  door.open();
  for (const answer of await Promise.all(asked)) assert.equal(answer.status, 200);
});

test('a start that fails is told to all who wait, and not tried again before its back-off ends', async (context) => {
  const host = await open(context);
  await host.declare(`throw new Error('no luck');`, { name: 'broken', routes: ['/broken'] });
  const answer = await fetch(`${host.url}/broken`);
  const problem = await answer.json() as { code: string; detail: string };
  assert.deepEqual([answer.status, problem.code, startOf(answer)], [503, 'LOAD_FAILED', 'cold']);
  assert.match(problem.detail, /no isolate of broken@[0-9a-f]{8} could start \(BAD_HANDLER: .*no luck/);
  assert.equal(answer.headers.get('retry-after'), '1');
  const again = await fetch(`${host.url}/broken`);
  assert.deepEqual([again.status, (await again.json() as { code: string }).code], [503, 'LOAD_FAILED']);
  assert.equal(host.isolates.length, 1);
  const { failure } = statusOf(host, 'broken') ?? {};
  assert.deepEqual([failure?.error.code, (failure?.retryInMs ?? -1) >= 0 && (failure?.retryInMs ?? Infinity) <= 1000], ['LOAD_FAILED', true]);
});

test('a version whose preparation fails says why, and is prepared anew later', async (context) => {
  const host = await open(context);
  const version = await host.write(`export default { fetch: () => new Response('x') };`, { name: 'unread', routes: ['/unread'] });
  host.plane.declare(version, async () => ({}), () => Promise.reject(new Error('the file is torn')));
  await host.route(version);
  assert.match((await (await fetch(`${host.url}/unread`)).json() as { detail: string }).detail, /the file is torn/);
});

test('a request that meets only busy isolates starts another beside them, up to the manifest\'s number', async (context) => {
  const host = await open(context);
  const door = gate('beside');
  await host.declare(`${door.source} export default { async fetch(request) { if (request.url.endsWith('/hold')) await opened(); return new Response('x'); } };`,
    { name: 'beside', routes: ['/beside/*'], isolates: 2 });
  const held = fetch(`${host.url}/beside/hold`);
  await inFlight(host, 'beside', 1);
  while (statusOf(host, 'beside')?.isolates !== 1) await new Promise((resolve) => { setImmediate(resolve); });
  const answer = await fetch(`${host.url}/beside/quick`);
  assert.deepEqual([answer.status, startOf(answer)], [200, 'warm'], 'it did not wait for the start');
  while (statusOf(host, 'beside')?.isolates !== 2) await new Promise((resolve) => { setImmediate(resolve); });
  const more = [fetch(`${host.url}/beside/hold`), fetch(`${host.url}/beside/hold`)];
  await inFlight(host, 'beside', 3);
  await fetch(`${host.url}/beside/quick`);
  assert.equal(statusOf(host, 'beside')?.isolates, 2);
  door.open();
  for (const one of await Promise.all([held, ...more])) assert.equal(one.status, 200);
});

test('at the host\'s bound the least recently used isolate of another function makes room', async (context) => {
  const host = await open(context, { isolatesMax: 2 });
  const source = (text: string): string => `export default { fetch: () => new Response('${text}') };`;
  await host.serve(source('a'), { name: 'a', routes: ['/a'] });
  await host.serve(source('b'), { name: 'b', routes: ['/b'] });
  assert.deepEqual(host.stopped.map(({ function: name, why }) => `${name} ${why}`), ['a room', 'a room']);
  const first = await fetch(`${host.url}/a`);
  assert.deepEqual([await first.text(), startOf(first)], ['a', 'cold']);
  assert.deepEqual(host.stopped.slice(2).map(({ function: name }) => name), ['b'], 'the spare of b; b itself serves on');
  const other = await fetch(`${host.url}/b`);
  assert.deepEqual([await other.text(), startOf(other)], ['b', 'warm']);
});

test('when all isolates of the host are busy, those who need one more are told OVERLOADED', async (context) => {
  const host = await open(context, { isolatesMax: 1 });
  const door = gate('full');
  const held = `${door.source} export default { async fetch() { await opened(); return new Response('x'); } };`;
  await host.declare(held, { name: 'holder', routes: ['/holder'] });
  await host.declare(held, { name: 'needs', routes: ['/needs'], limits: { timeoutMs: 400 } });
  await host.declare(held, { name: 'later', routes: ['/later'] });
  const first = fetch(`${host.url}/holder`);
  while (statusOf(host, 'holder')?.isolates !== 1) await new Promise((resolve) => { setImmediate(resolve); });
  const answer = await fetch(`${host.url}/needs`);
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1']);
  const problem = await answer.json() as { code: string; detail: string };
  assert.equal(problem.code, 'OVERLOADED');
  assert.match(problem.detail, /needs.*isolatesMax/);
  const deploy = host.serve(held, { name: 'large', routes: ['/large'], isolates: 2 });
  await assert.rejects(deploy, /large needs 3 isolates at once.*isolatesMax is 1/);
  door.open();
  assert.equal((await first).status, 200);
  assert.equal((await fetch(`${host.url}/later`)).status, 200, 'the holder is idle now and makes room');
});

test('an isolate that stops ends what it was given and what goes on after its answers', async (context) => {
  const host = await open(context, { isolatesMax: 1 });
  const door = gate('after');
  await host.declare(`${door.source} export default { fetch(request, env, context) {
    context.waitUntil(opened().then(() => console.log('ended well'))); return new Response('x'); } };`, { name: 'outlives', routes: ['/outlives'] });
  await host.declare(`export default { fetch: () => new Response('y') };`, { name: 'next', routes: ['/next'] });
  assert.equal((await fetch(`${host.url}/outlives`)).status, 200);
  const next = fetch(`${host.url}/next`);
  await inFlight(host, 'next', 1);
  door.open();
  assert.equal((await next).status, 200);
  assert.ok(host.logs.some(({ text }) => text === 'ended well'));
});
