// Versions that cannot start, and a data plane that ends under load.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HandlerHost } from '../support/handler-host.ts';
import { RawConnection } from '../support/raw-http.ts';

const FINE = `export default { fetch: () => new Response('fine') };`;

test('fault 14: a handler that cannot serve is refused with the reason, and nothing is left of it', async () => {
  const host = await HandlerHost.open();
  try {
    await host.serve(FINE, { name: 'other', routes: ['GET /other'] });
    const cases: readonly (readonly [string, RegExp])[] = [
      ['export default { fetch( };', /Unexpected token|SyntaxError/], [`throw new Error('top level');`, /top level/], ['export const a = 1;', /no default export/],
      ['export default { nothing: 1 };', /no fetch function/], ['export default null;', /no fetch function/], [`import 'no-such-package'; ${FINE}`, /no-such-package/],
      ['await new Promise(() => {}); export default {};', /initTimeoutMs \(700 ms\)|never ends/], ['for (;;); export default {};', /initTimeoutMs \(700 ms\)/],
      [`process.exit(4); ${FINE}`, /code 4/], [`const kept = []; for (;;) kept.push(new Array(1000).fill(0)); ${FINE}`, /heapMiB|initTimeoutMs/],
    ];
    for (const [source, reason] of cases) {
      // Only what never ends needs a short limit; a busy machine may be slow to find the other reasons.
      const initTimeoutMs = /for \(;;\)|Promise\(\(\) => \{\}\)/.test(source) ? 700 : 20_000;
      const version = await host.write(source, { name: 'unfit', limits: { initTimeoutMs, heapMiB: 32 } });
      await assert.rejects(host.plane.start(version, async () => ({}), 'deploy'), (error: { code: string; message: string }) => {
        assert.equal(error.code, 'BAD_HANDLER', source);
        assert.match(error.message, reason);
        return true;
      });
      assert.deepEqual(host.plane.snapshot().map(({ name }) => name), ['other']);
      await assert.rejects(host.plane.golden(version, 0, { method: 'GET', path: '/', headers: {}, body: undefined }), { code: 'NO_VERSION' });
    }
    assert.equal(await (await fetch(`${host.url}/other`)).text(), 'fine');
    assert.ok(host.isolates.filter((record) => record.function === 'unfit').every((record) => record.errorCode === 'BAD_HANDLER'));
  } finally {
    await host.close();
  }
});

test('fault 14: a version that could not start starts when its cause is gone', async () => {
  const host = await HandlerHost.open();
  try {
    const version = await host.write(`import { readFileSync } from 'node:fs'; readFileSync('/no/such/file'); ${FINE}`, { name: 'again' });
    await assert.rejects(host.plane.start(version, async () => ({}), 'deploy'), { code: 'BAD_HANDLER' });
    const fixed = await host.write(FINE, { name: 'again' });
    await host.plane.start({ ...fixed, version: version.version }, async () => ({}), 'deploy');
    await host.route(version);
    assert.equal(await (await fetch(`${host.url}/`)).text(), 'fine');
  } finally {
    await host.close();
  }
});

test('fault 55: a port in use is named, with what would do', async () => {
  const first = await HandlerHost.open();
  try {
    const port = first.plane.ports[0] ?? 0;
    await assert.rejects(HandlerHost.open({ listen: [{ host: '127.0.0.1', port }] }), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'BAD_SETTING');
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}.*--port`));
      return true;
    });
  } finally {
    await first.close();
  }
});

test('fault 51: closing under load answers every accepted request, tells connections to close and then refuses', async () => {
  const host = await HandlerHost.open();
  const gate = new BroadcastChannel('slow');
  await host.serve(`const open = new Promise((resolve) => { new BroadcastChannel('slow').onmessage = resolve; });
    export default { async fetch() { await open; return new Response('done'); } };`, { name: 'slow', routes: ['/slow'], limits: { timeoutMs: 60_000 } });
  const connections = await Promise.all(Array.from({ length: 50 }, () => RawConnection.open(host.url)));
  for (const connection of connections) connection.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  while (host.plane.snapshot()[0]?.inFlight !== 50) await new Promise((resolve) => { setImmediate(resolve); });
  const idle = await RawConnection.open(host.url);
  const startMs = performance.now();
  const closing = host.plane.close(20_000);
  gate.postMessage('open');
  gate.close();
  for (const connection of connections) {
    const answer = await connection.answer();
    assert.deepEqual([answer.status, answer.body, answer.headers['connection']], [200, 'done', 'close']);
    await connection.closed();
  }
  assert.equal(await closing, 0);
  await idle.closed();
  assert.ok(performance.now() - startMs < 10_000, 'a connection that never sent anything holds nothing up');
  await assert.rejects(RawConnection.open(host.url), { code: 'ECONNREFUSED' });
});

test('fault 51: what has not ended at the deadline is cut as draining, and its number told', async () => {
  const host = await HandlerHost.open();
  await host.serve(`export default { fetch: (request) => request.url.endsWith('/stream')
      ? new Response(new ReadableStream({ async pull(c) { c.enqueue(new Uint8Array([97])); await new Promise((r) => setTimeout(r, 20)); } }))
      : new Promise(() => {}) };`, { name: 'never', routes: ['/never/*'], limits: { timeoutMs: 60_000 } });
  const waiting = fetch(`${host.url}/never/a`);
  const stream = await fetch(`${host.url}/never/stream`);
  const reading = stream.text();
  reading.catch(() => undefined);
  while (host.plane.snapshot()[0]?.inFlight !== 2) await new Promise((resolve) => { setImmediate(resolve); });
  const startMs = performance.now();
  assert.equal(await host.plane.close(200), 2);
  assert.ok(performance.now() - startMs < 3000);
  const answer = await waiting;
  assert.deepEqual([answer.status, (await answer.json() as { code: string }).code], [503, 'DRAINING']);
  await assert.rejects(reading);
});

test('fault 51: a drain waits for what is in flight on the version and cuts it at the deadline', async () => {
  const host = await HandlerHost.open();
  try {
    const gate = new BroadcastChannel('soon');
    const version = await host.serve(`const open = new Promise((resolve) => { new BroadcastChannel('soon').onmessage = resolve; });
      export default { async fetch(request) { await (request.url.endsWith('/soon') ? open : new Promise(() => {})); return new Response('soon'); } };`,
    { name: 'drains', routes: ['/drains/*'], limits: { timeoutMs: 60_000 } });
    const soon = fetch(`${host.url}/drains/soon`);
    const never = fetch(`${host.url}/drains/never`);
    while (host.plane.snapshot()[0]?.inFlight !== 2) await new Promise((resolve) => { setImmediate(resolve); });
    const stopping = host.stop(version, 1000);
    gate.postMessage('open');
    gate.close();
    assert.equal(await stopping, 1);
    assert.equal(await (await soon).text(), 'soon');
    assert.equal((await never).status, 503);
    assert.deepEqual(host.plane.snapshot(), []);
  } finally {
    await host.close();
  }
});
