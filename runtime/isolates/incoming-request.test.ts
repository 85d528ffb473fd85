import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinHeaders } from './header-lines.ts';
import { IncomingRequest, IsolateRequest, type IncomingParts } from './incoming-request.ts';

const bytesOf = (text: string): ArrayBuffer => new Uint8Array(Buffer.from(text)).buffer;
const incoming = (parts: Partial<IncomingParts> = {}): Request => new IncomingRequest({
  method: 'POST', url: 'http://host/a?b=c', headers: joinHeaders(['Content-Type', 'application/json', 'X-A', '1', 'x-a', '2']),
  body: bytesOf('{"a":1}'), signal: () => new AbortController().signal, ...parts,
}) as unknown as Request;

test('it is a Request to everybody who asks', () => {
  assert.ok(incoming() instanceof Request);
  assert.ok(incoming() instanceof IsolateRequest);
  assert.ok(new Request('http://a') instanceof IsolateRequest);
  assert.equal(Object.prototype.toString.call(incoming()), '[object Request]');
  class Own extends IsolateRequest {}
  assert.ok(new Own('http://a') instanceof Own);
  assert.ok(!(incoming() instanceof Own));
});

test('all that can be seen of it is what a real Request shows', () => {
  const ours = incoming();
  const real = new Request('http://host/a?b=c', { method: 'POST', headers: [['Content-Type', 'application/json'], ['X-A', '1'], ['x-a', '2']], body: '{"a":1}' });
  const names = ['method', 'url', 'cache', 'credentials', 'destination', 'integrity', 'keepalive', 'mode', 'redirect', 'referrer', 'referrerPolicy', 'bodyUsed', 'duplex'] as const;
  for (const name of names) assert.equal(ours[name], real[name], name);
  assert.deepEqual([...ours.headers], [...real.headers]);
});

test('a body is read once, in every form', async () => {
  assert.deepEqual(await incoming().json(), { a: 1 });
  assert.equal(await incoming().text(), '{"a":1}');
  assert.equal((await incoming().arrayBuffer()).byteLength, 7);
  assert.equal(await (await incoming().blob()).text(), '{"a":1}');
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming().body ?? []) chunks.push(chunk);
  assert.equal(Buffer.concat(chunks).toString(), '{"a":1}');
  const request = incoming();
  assert.equal(request.bodyUsed, false);
  await request.text();
  assert.equal(request.bodyUsed, true);
  await assert.rejects(request.text(), TypeError);
  await assert.rejects(request.json(), TypeError);
  assert.throws(() => request.clone(), TypeError);
});

test('a request without a body reads as empty, as often as one likes', async () => {
  const request = incoming({ method: 'GET', body: null });
  assert.equal(request.body, null);
  assert.equal(await request.text(), '');
  assert.equal(await request.text(), '');
  assert.equal(request.bodyUsed, false);
  await assert.rejects(request.json(), SyntaxError);
});

test('a form is parsed', async () => {
  const form = await incoming({ headers: joinHeaders(['content-type', 'application/x-www-form-urlencoded']), body: bytesOf('a=1&b=2') }).formData();
  assert.deepEqual([...form], [['a', '1'], ['b', '2']]);
});

test('a clone and the original are both readable', async () => {
  const request = incoming();
  const clone = request.clone();
  assert.deepEqual(await Promise.all([request.text(), clone.text()]), ['{"a":1}', '{"a":1}']);
});

test('another Request can be made of it', async () => {
  const same = new IsolateRequest(incoming());
  assert.equal(same.headers.get('x-a'), '1, 2');
  assert.equal(await same.text(), '{"a":1}');
  const moved = new IsolateRequest('http://other/', incoming());
  assert.equal(moved.method, 'POST');
  assert.equal(moved.url, 'http://other/');
  assert.equal(await moved.text(), '{"a":1}');
});

test('the signal is the one of the request', () => {
  const controller = new AbortController();
  const request = incoming({ signal: () => controller.signal });
  assert.equal(request.signal, controller.signal);
  const clone = request.clone();
  controller.abort();
  assert.ok(request.signal.aborted && clone.signal.aborted);
});

test('text with a byte order mark or broken characters reads as fetch reads it', async () => {
  const body = new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff]).buffer;
  assert.equal(await incoming({ body }).text(), 'a\ufffd');
});
