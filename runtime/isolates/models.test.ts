// Models through a whole data plane: what reaches the control thread, the headers, the record.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { COUNTERS, newCounters } from '../../test/support/fake-engine-client.ts';
import { HandlerHost } from '../../test/support/handler-host.ts';
import { RawConnection } from '../../test/support/raw-http.ts';
import { PilotlightError } from '../errors.ts';
import type { ModelBinding } from '../function.ts';
import type { Acquired } from './setup.ts';

const counters = newCounters();
const asks: string[] = [];
let acquire: () => Promise<Acquired>;
let host: HandlerHost;

const model = (binding: string, preload = false): ModelBinding => ({
  binding, preload, signature: { inputs: [], outputs: [] },
  pool: { key: `pool-${binding}`, backend: 'fake', path: '/m', device: 'cpu', slots: 1, threads: 1, queue: { max: 1, timeoutMs: 1 } },
});

before(async () => {
  host = await HandlerHost.open({
    engine: { url: new URL('../../test/support/fake-engine-client.js', import.meta.url).href, settings: counters },
    acquire: (key, functionName, binding) => {
      asks.push(`${key} ${functionName} ${binding}`);
      return acquire();
    },
  });
  await host.serve(`export default { async fetch(request, env, context) {
      if (request.url.endsWith('/health')) return new Response('ok');
      if (request.url.endsWith('/lease')) { const lease = await env.DIGITS.acquire(); return new Response('held'); }
      const input = { x: { type: 'float32', shape: [2], data: new Float32Array([1, 2]) } };
      const outputs = await context.span('twice', async () => { await env.DIGITS.run(input); return env.DIGITS.run(input, { signal: request.signal }); });
      return Response.json([...outputs.x.data]);
    } };`, { name: 'digits', routes: ['/digits/*'], models: [model('DIGITS')] });
});
after(() => host.close());
beforeEach(() => {
  counters.fill(0);
  asks.length = 0;
  acquire = async () => {
    Atomics.store(counters, COUNTERS.resident, 1);
    return { start: 'cold', loadId: 'load-1' };
  };
});

test('a request that starts a load is cold, the next one is warm, and a path without a model asks for none', async () => {
  assert.equal((await fetch(`${host.url}/digits/health`)).headers.get('pilotlight-start'), 'warm');
  assert.deepEqual(asks, []);
  const cold = await fetch(`${host.url}/digits/cold`);
  assert.deepEqual(await cold.json(), [1, 2]);
  assert.equal(cold.headers.get('pilotlight-start'), 'cold');
  assert.deepEqual(asks, ['pool-DIGITS digits DIGITS']);
  const warm = await fetch(`${host.url}/digits/warm`);
  assert.equal(warm.headers.get('pilotlight-start'), 'warm');
  assert.match(warm.headers.get('server-timing') ?? '', /^acquire;dur=0, queue;dur=0, execute;dur=[0-9.]+, handler;dur=[0-9.]+$/);
  const record = await host.record('/digits/cold');
  assert.deepEqual(record.runs.map(({ start, loadId }) => [start, loadId]), [['cold', 'load-1'], ['warm', undefined]]);
  assert.deepEqual(record.spans.map(({ name, failed }) => [name, failed]), [['twice', false]]);
  assert.equal(record.start, 'cold');
});

test('a load that fails is an answer with its code and Retry-After', async () => {
  acquire = () => Promise.reject(new PilotlightError('LOAD_FAILED', 'the disk is gone', { retryAfterS: 7 }));
  const answer = await fetch(`${host.url}/digits/fails`);
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get('retry-after'), '7');
  assert.deepEqual([(await answer.json() as { code: string; detail: string }).code], ['LOAD_FAILED']);
  assert.equal((await host.record('/digits/fails')).runs[0]?.errorCode, 'LOAD_FAILED');
});

test('fault 26: a caller who leaves during a run aborts it', async () => {
  Atomics.store(counters, COUNTERS.resident, 1);
  Atomics.store(counters, COUNTERS.hangs, 1);
  const raw = await RawConnection.open(host.url);
  raw.send('GET /digits/leaves HTTP/1.1\r\nHost: a\r\n\r\n');
  while (Atomics.load(counters, COUNTERS.runs) === 0) await new Promise((resolve) => { setImmediate(resolve); });
  raw.destroy();
  while (Atomics.load(counters, COUNTERS.aborted) === 0) await new Promise((resolve) => { setImmediate(resolve); });
  assert.equal((await host.record('/digits/leaves')).status, 499);
  assert.equal(Atomics.load(counters, COUNTERS.runs), 1);
});

test('a lease that a handler forgets ends with its request', async () => {
  const answer = await fetch(`${host.url}/digits/lease`);
  assert.equal(await answer.text(), 'held');
  assert.equal(Atomics.load(counters, COUNTERS.holds), 0);
  assert.deepEqual(asks, ['pool-DIGITS digits DIGITS']);
});

test('preload asks for the pool beside the handler, once, and not when it is resident', async () => {
  await host.serve(`export default { fetch: () => new Response('no run') };`, { name: 'preloads', routes: ['/preloads'], models: [model('EARLY', true)] });
  await (await fetch(`${host.url}/preloads`)).text();
  await (await fetch(`${host.url}/preloads`)).text();
  while (Atomics.load(counters, COUNTERS.resident) === 0) await new Promise((resolve) => { setImmediate(resolve); });
  await (await fetch(`${host.url}/preloads`)).text();
  assert.ok(asks.length <= 2 && asks.every((ask) => ask === 'pool-EARLY preloads EARLY'), asks.join());
});
