import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuickResponse } from './quick-response.ts';
import { splitHeaders } from './header-lines.ts';

type Options = ConstructorParameters<typeof Response>[1];
const quick = (body?: ConstructorParameters<typeof Response>[0], options?: Options): Response => new QuickResponse(body, options) as unknown as Response;
const plain = (response: Response) => {
  const answer = QuickResponse.toPlainAnswer(response);
  return answer === undefined ? undefined : { ...answer, headers: splitHeaders(answer.headers) };
};

test('text, bytes and nothing leave as they came', () => {
  assert.deepEqual(plain(quick('hi')), { status: 200, headers: ['content-type', 'text/plain;charset=UTF-8'], body: 'hi' });
  assert.deepEqual(plain(quick(null, { status: 204 })), { status: 204, headers: [], body: null });
  assert.deepEqual(plain(quick(new Uint8Array([1, 2]).subarray(1), { headers: { 'X-A': '1' } })), { status: 200, headers: ['x-a', '1'], body: new Uint8Array([2]).buffer });
  assert.deepEqual(plain(quick('{}', { headers: new Headers({ 'content-type': 'application/json' }) })), { status: 200, headers: ['content-type', 'application/json'], body: '{}' });
  assert.equal(plain(quick(new ReadableStream())), undefined);
});

test('it is a Response to everybody who asks', async () => {
  const response = quick('hi');
  assert.ok(response instanceof Response);
  assert.ok(response instanceof QuickResponse);
  assert.ok(new Response() instanceof QuickResponse);
  assert.ok(!({} instanceof QuickResponse) && !((null as unknown) instanceof QuickResponse));
  assert.equal(Object.prototype.toString.call(response), '[object Response]');
  assert.equal(QuickResponse.name, 'Response');
  class Own extends (QuickResponse as unknown as typeof Response) {}
  assert.ok(new Own('a') instanceof Own);
  assert.ok(!(response instanceof Own));
  assert.equal(await new Own('a').text(), 'a');
});

const CASES: readonly (readonly [ConstructorParameters<typeof Response>[0], Options?])[] = [
  ['text'], [null], [undefined], ['', { status: 201 }], ['é\ud800', { statusText: 'Fine' }], [new Uint8Array([0, 255])], [new ArrayBuffer(4)],
  ['a', { headers: { A: '1', B: ' x ' } }], ['a', { headers: [['set-cookie', 'a=1'], ['set-cookie', 'b=2'], ['x', '1'], ['x', '2']] }],
  ['a', { headers: { 'Content-Type': 'text/html' } }], [new URLSearchParams({ a: 'b' })], [new Blob(['x'], { type: 'image/png' })],
  [new Uint16Array([1, 2])], ['a', { headers: { 'X-Number': 5 as unknown as string } }], ['a', { status: 404, headers: new Headers({ z: '1', a: '2' }) }],
];

test('all that can be seen of it is what a real Response shows', async () => {
  for (const [body, options] of CASES) {
    const ours = quick(body, options);
    const real = new Response(body, options);
    for (const name of ['status', 'statusText', 'ok', 'type', 'url', 'redirected', 'bodyUsed'] as const) assert.equal(ours[name], real[name], name);
    assert.deepEqual([...ours.headers], [...real.headers]);
    assert.equal(ours.body === null, real.body === null);
    assert.deepEqual(new Uint8Array(await ours.clone().arrayBuffer()), new Uint8Array(await real.clone().arrayBuffer()));
    assert.equal(await ours.text(), await real.text());
    assert.equal(ours.bodyUsed, real.bodyUsed);
    if (real.body !== null) await assert.rejects(ours.text(), TypeError);
  }
});

test('what a real Response refuses is refused when it is made', () => {
  const wrong: readonly (readonly [ConstructorParameters<typeof Response>[0], Options?])[] = [
    ['a', { status: 204 }], [null, { status: 199 }], [null, { status: 600 }], ['a', { headers: { 'a b': '1' } }], ['a', { headers: { a: 'x\r\ny: z' } }],
    ['a', { headers: { a: '\u0100' } }], ['a', { headers: { a: 'x\0' } }], ['a', { headers: 'nonsense' as unknown as Headers }],
  ];
  for (const [body, options] of wrong) {
    assert.throws(() => new Response(body, options));
    assert.throws(() => quick(body, options));
  }
});

test('a buffer that changes after the response was made does not change the response', async () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const response = quick(bytes);
  bytes.fill(9);
  assert.deepEqual(new Uint8Array(plain(response)?.body as ArrayBuffer), new Uint8Array([1, 2, 3]));
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), new Uint8Array([1, 2, 3]));
});

test('headers that were changed later are the ones that leave', async () => {
  const response = quick('a', { headers: { a: '1' } });
  response.headers.set('A', '2');
  response.headers.append('set-cookie', 'x');
  response.headers.append('set-cookie', 'y');
  assert.deepEqual(plain(response)?.headers, ['a', '2', 'content-type', 'text/plain;charset=UTF-8', 'set-cookie', 'x', 'set-cookie', 'y']);
  assert.equal(response.clone().headers.get('a'), '2');
  assert.equal(new Response(response.body, response).headers.get('a'), '2');
});

test('once its body was read it no longer leaves in one piece', async () => {
  const response = quick('a');
  await response.text();
  assert.equal(plain(response), undefined);
});

test('json, redirect and error make what they make elsewhere', async () => {
  const json = QuickResponse.json({ a: [1] }, { status: 201, headers: { b: '1' } }) as unknown as Response;
  assert.deepEqual(plain(json), { status: 201, headers: ['b', '1', 'content-type', 'application/json'], body: '{"a":[1]}' });
  assert.equal((QuickResponse.json(1, { headers: { 'content-type': 'text/plain' } }) as unknown as Response).headers.get('content-type'), 'text/plain');
  assert.throws(() => QuickResponse.json(undefined), TypeError);
  assert.equal(QuickResponse.redirect('http://a/b', 307).headers.get('location'), 'http://a/b');
  assert.equal(QuickResponse.error().type, 'error');
});
