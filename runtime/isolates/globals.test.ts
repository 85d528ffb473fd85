import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { HandlerHost } from '../../test/support/handler-host.ts';

// The Minimum Common Web API (ECMA-429), without what older Node releases have no means for: URLPattern, WebAssembly.JSTag.
const COMMON = `AbortController AbortSignal Blob ByteLengthQueuingStrategy CompressionStream CountQueuingStrategy Crypto CryptoKey CustomEvent
  DecompressionStream DOMException ErrorEvent Event EventTarget File FormData Headers MessageChannel MessageEvent MessagePort Performance PromiseRejectionEvent
  ReadableByteStreamController ReadableStream ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableStreamDefaultReader
  Request Response SubtleCrypto TextDecoder TextDecoderStream TextEncoder TextEncoderStream TransformStream TransformStreamDefaultController URL URLSearchParams
  WebAssembly WritableStream WritableStreamDefaultController WritableStreamDefaultWriter atob btoa clearInterval clearTimeout console crypto fetch globalThis
  navigator performance queueMicrotask reportError self setInterval setTimeout structuredClone`.split(/\s+/);

let host: HandlerHost;
before(async () => { host = await HandlerHost.open(); });
after(() => host.close());

test('a handler finds every name of the common web API', async () => {
  await host.serve(`export default { fetch: async (request) => Response.json((await request.json()).filter((name) => globalThis[name] === undefined)) };`, { name: 'names', routes: ['/names'] });
  assert.deepEqual(await (await fetch(`${host.url}/names`, { method: 'POST', body: JSON.stringify(COMMON) })).json(), []);
});

test('an incoming request may be sent on, wrapped and kept by what looks inside of it', async () => {
  await host.serve(`export default { async fetch(request) {
      const url = new URL(request.url);
      if (url.pathname === '/inside/final') return new Response([request.method, request.headers.get('x-a'), await request.text()].join());
      const onward = new URL('/inside/final', url);
      if (url.pathname === '/inside/send') return fetch(new Request(onward, request));
      if (url.pathname === '/inside/plain') return fetch(onward, { method: 'PUT', headers: request.headers, body: await request.text() });
      return new Response(new Request(request).headers.get('x-a'));
    } };`, { name: 'inside', routes: ['/inside/*'] });
  const ask = async (path: string): Promise<string> => (await fetch(`${host.url}/inside/${path}`, { method: 'POST', headers: { 'x-a': '1' }, body: 'body' })).text();
  assert.equal(await ask('send'), 'POST,1,body');
  assert.equal(await ask('plain'), 'PUT,1,body');
  assert.equal(await ask('wrap'), '1');
});

test('a reported error is a line of the log and the request goes on', async () => {
  await host.serve(`export default { fetch() { reportError(new Error('reported')); return new Response('ok'); } };`, { name: 'reports', routes: ['/reports'] });
  assert.equal(await (await fetch(`${host.url}/reports`)).text(), 'ok');
  const line = await host.until(() => host.logs.find((event) => event.function === 'reports'));
  assert.equal(line.level, 'error');
  assert.match(line.text, /Error: reported/);
});
