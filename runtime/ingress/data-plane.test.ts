import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { HandlerHost } from '../../test/support/handler-host.ts';
import { RawConnection } from '../../test/support/raw-http.ts';

let host: HandlerHost;
before(async () => { host = await HandlerHost.open({ bodyIdleTimeoutMs: 300 }); });
after(() => host.close());

const problemOf = async (answer: Response): Promise<{ code: string; requestId: string; retryable: boolean; detail: string; status: number }> => {
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  return await answer.json() as never;
};

test('a request goes to the handler and its answer comes back with the headers of the contract', async () => {
  const version = await host.serve(`export default { fetch: () => new Response('hello') };`, { name: 'hello', routes: ['GET /hello'] });
  const answer = await fetch(`${host.url}/hello`);
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), 'hello');
  assert.equal(answer.headers.get('content-type'), 'text/plain;charset=UTF-8');
  assert.equal(answer.headers.get('content-length'), '5');
  assert.equal(answer.headers.get('pilotlight-version'), `hello@${version.version.slice(0, 8)}`);
  assert.equal(answer.headers.get('pilotlight-start'), 'warm');
  assert.match(answer.headers.get('server-timing') ?? '', /^acquire;dur=0, queue;dur=0, execute;dur=0, handler;dur=[0-9.]+$/);
  assert.match(answer.headers.get('pilotlight-request-id') ?? '', /^[0-9a-f]{12}-[0-9a-z]+$/);
});

test('a handler sees the request as it was sent', async () => {
  await host.serve(`export default { async fetch(request, env, context) {
    return Response.json({
      method: request.method, url: request.url, header: request.headers.get('x-a'), warmup: request.headers.get('pilotlight-warmup'), body: await request.text(),
      env: { ...env }, function: context.function, version: context.version, id: context.requestId, traceparent: context.traceparent,
      isRequest: request instanceof Request, agent: navigator.userAgent, global: self === globalThis, processEnv: Object.keys(process.env),
    });
  } };`, { name: 'echo', routes: ['/echo/*'], vars: { MODE: 'a' }, secrets: { KEY: 's' } });
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const answer = await fetch(`${host.url}/echo/a?b=c`, { method: 'PUT', headers: { 'x-a': 'ü', 'Pilotlight-Warmup': '1', traceparent }, body: 'body' });
  const seen = await answer.json() as Record<string, unknown>;
  const { id, version, traceparent: own, ...rest } = seen;
  assert.deepEqual(rest, {
    method: 'PUT', url: `${host.url}/echo/a?b=c`, header: 'ü', warmup: null, body: 'body', env: { MODE: 'a', KEY: 's' },
    function: 'echo', isRequest: true, agent: 'Pilotlight', global: true, processEnv: [],
  });
  assert.equal(id, answer.headers.get('pilotlight-request-id'));
  assert.equal(version, answer.headers.get('pilotlight-version'));
  assert.match(String(own), /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/);
  const record = await host.record('/echo/a');
  assert.equal(record.traceparent, traceparent);
  assert.equal(record.sampled, true);
  assert.deepEqual([record.method, record.route, record.function, record.status, record.requestBytes, record.golden], ['PUT', '/echo/*', 'echo', 200, 4, false]);
  assert.ok(record.arrivedMs <= (record.dispatchedMs ?? 0) && (record.dispatchedMs ?? 0) <= (record.handlerStartMs ?? 0));
  assert.ok((record.handlerStartMs ?? 0) <= (record.handlerEndMs ?? 0) && (record.handlerEndMs ?? 0) <= record.endedMs);
});

test('no route, a wrong method, a reserved path and a wrong version are told apart', async () => {
  await host.serve(`export default { fetch: () => new Response('x') };`, { name: 'only-get', routes: ['GET /only', 'POST /only'] });
  const nowhere = await fetch(`${host.url}/nowhere`);
  assert.equal(nowhere.status, 404);
  const problem = await problemOf(nowhere);
  assert.deepEqual([problem.code, problem.retryable, problem.status], ['NO_ROUTE', false, 404]);
  assert.equal(problem.requestId, nowhere.headers.get('pilotlight-request-id'));
  const method = await fetch(`${host.url}/only`, { method: 'DELETE' });
  assert.equal(method.status, 405);
  assert.equal(method.headers.get('allow'), 'GET, HEAD, POST');
  assert.equal((await problemOf(method)).code, 'BAD_METHOD');
  assert.equal((await problemOf(await fetch(`${host.url}/v2/models/x`))).code, 'NO_ROUTE');
  const version = await fetch(`${host.url}/only`, { headers: { 'Pilotlight-Version': 'only-get@00000000' } });
  assert.equal(version.status, 404);
  assert.equal((await problemOf(version)).code, 'NO_VERSION');
});

test('the version that is asked for is served when it is part of the deployment', async () => {
  const { version } = await host.serve(`export default { fetch: () => new Response('x') };`, { name: 'asked', routes: ['GET /asked'] });
  for (const wanted of [`asked@${version.slice(0, 8)}`, `asked@${version}`, version.slice(0, 8)]) {
    assert.equal((await fetch(`${host.url}/asked`, { headers: { 'Pilotlight-Version': wanted } })).status, 200, wanted);
  }
});

test('health says live at once and ready when it was announced', async () => {
  assert.deepEqual(await (await fetch(`${host.url}/v2/health/live`)).json(), { live: true });
  assert.equal((await fetch(`${host.url}/v2/health/ready`)).status, 503);
  host.plane.announce('ready');
  assert.equal((await fetch(`${host.url}/v2/health/ready`)).status, 200);
  assert.equal((await fetch(`${host.url}/v2/health/ready`, { method: 'POST' })).status, 405);
});

test('HEAD is answered as GET without a body', async () => {
  await host.serve(`export default { fetch: () => new Response('twelve bytes') };`, { name: 'head', routes: ['GET /head'] });
  const answer = await fetch(`${host.url}/head`, { method: 'HEAD' });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-length'), '12');
});

test('a Hono app is a handler as it stands', async () => {
  const hono = import.meta.resolve('hono');
  await host.serve(`import { Hono } from ${JSON.stringify(hono)};
    const app = new Hono();
    app.use(async (c, next) => { await next(); c.header('x-after', '1'); });
    app.get('/hono/:id', (c) => c.json({ id: c.req.param('id'), q: c.req.query('q') }));
    app.post('/hono', async (c) => c.text((await c.req.json()).a, 201, { 'x-b': 'c' }));
    app.get('/hono/boom/now', () => { throw new Error('boom'); });
    export default app;`, { name: 'hono', routes: ['/hono', '/hono/*'] });
  const answer = await fetch(`${host.url}/hono/7?q=8`);
  assert.deepEqual(await answer.json(), { id: '7', q: '8' });
  assert.equal(answer.headers.get('x-after'), '1');
  const posted = await fetch(`${host.url}/hono`, { method: 'POST', body: '{"a":"b"}' });
  assert.deepEqual([posted.status, posted.headers.get('x-b'), await posted.text()], [201, 'c', 'b']);
  assert.equal((await fetch(`${host.url}/hono/boom/now`)).status, 500);
  assert.equal((await fetch(`${host.url}/hono/x/y`)).status, 404);
});

test('a small body, a large one and a chunked one arrive whole', async () => {
  await host.serve(`import { createHash } from 'node:crypto';
    export default { async fetch(request) { const bytes = new Uint8Array(await request.arrayBuffer());
      return Response.json({ length: bytes.length, sha: createHash('sha256').update(bytes).digest('hex') }); } };`, { name: 'bodies', routes: ['POST /bodies'] });
  const { createHash } = await import('node:crypto');
  for (const length of [0, 1, 70_000, 1_048_576, 1_048_577, 5_000_000]) {
    const bytes = Buffer.alloc(length, 'pilotlight');
    const sha = createHash('sha256').update(bytes).digest('hex');
    assert.deepEqual(await (await fetch(`${host.url}/bodies`, { method: 'POST', body: bytes })).json(), { length, sha });
    const stream = new Blob([bytes]).stream();
    assert.deepEqual(await (await fetch(`${host.url}/bodies`, { method: 'POST', body: stream, duplex: 'half' })).json(), { length, sha }, `chunked ${length}`);
  }
});

test('answers of every kind leave whole', async () => {
  await host.serve(`
    const stream = (chunks) => new ReadableStream({ async start(c) { for (const chunk of chunks) { await null; c.enqueue(chunk); } c.close(); } });
    const kinds = {
      text: () => new Response('é'), empty: () => new Response(null, { status: 204 }), bytes: () => new Response(new Uint8Array([1, 2, 3])),
      large: () => new Response('x'.repeat(3_000_000)), largeBytes: () => new Response(new Uint8Array(3_000_000).fill(7)),
      stream: () => new Response(stream([new Uint8Array([97]), new Uint8Array([98])])),
      slow: () => new Response(new ReadableStream({ async start(c) { c.enqueue(new Uint8Array([97])); await new Promise((r) => setTimeout(r, 30)); c.enqueue(new Uint8Array([98])); c.close(); } })),
      long: () => { let left = 50; return new Response(new ReadableStream({ pull(c) { if (left-- > 0) c.enqueue(new Uint8Array(60_000).fill(7)); else c.close(); } })); },
      huge: () => new Response(stream([new Uint8Array(3_000_000).fill(7)])),
      form: () => new Response(new URLSearchParams({ a: 'b c' })), blob: () => new Response(new Blob(['blob'], { type: 'image/png' })),
      fetched: () => fetch('data:text/plain,fetched'), cookies: () => new Response('', { headers: [['set-cookie', 'a=1'], ['set-cookie', 'b=2']] }),
      clone: () => new Response('cloned').clone(), notModified: () => new Response(null, { status: 304, headers: { etag: '"a"' } }),
      declared: () => new Response(stream([new Uint8Array(5)]), { headers: { 'content-length': '5' } }),
    };
    export default { fetch: (request) => kinds[new URL(request.url).pathname.slice(7)]() };`, { name: 'kinds', routes: ['/kinds/*'] });
  const bytesOf = async (kind: string): Promise<Buffer> => Buffer.from(await (await fetch(`${host.url}/kinds/${kind}`)).arrayBuffer());
  assert.equal((await bytesOf('text')).toString(), 'é');
  assert.deepEqual([...await bytesOf('bytes')], [1, 2, 3]);
  assert.equal((await bytesOf('large')).length, 3_000_000);
  for (const kind of ['largeBytes', 'long', 'huge']) assert.ok((await bytesOf(kind)).equals(Buffer.alloc(3_000_000, 7)), kind);
  for (const kind of ['stream', 'slow']) assert.equal((await bytesOf(kind)).toString(), 'ab', kind);
  assert.equal((await bytesOf('form')).toString(), 'a=b+c');
  assert.equal((await bytesOf('fetched')).toString(), 'fetched');
  assert.equal((await bytesOf('clone')).toString(), 'cloned');
  assert.equal((await fetch(`${host.url}/kinds/empty`)).status, 204);
  assert.equal((await fetch(`${host.url}/kinds/notModified`)).headers.get('etag'), '"a"');
  assert.equal((await fetch(`${host.url}/kinds/blob`)).headers.get('content-type'), 'image/png');
  assert.deepEqual((await fetch(`${host.url}/kinds/cookies`)).headers.getSetCookie(), ['a=1', 'b=2']);
  assert.equal((await fetch(`${host.url}/kinds/stream`)).headers.get('content-length'), '2');
  assert.equal((await fetch(`${host.url}/kinds/declared`)).headers.get('content-length'), '5');
});

test('a request over the concurrency of its function is refused as too busy, and the next one is served', async () => {
  await host.serve(`let open; const gate = new Promise((resolve) => { open = resolve; });
    export default { async fetch(request) { if (request.url.endsWith('/open')) open(); else await gate; return new Response('x'); } };`,
  { name: 'busy', routes: ['/busy/*'], limits: { concurrency: 3 } });
  const first = [fetch(`${host.url}/busy/1`), fetch(`${host.url}/busy/2`)];
  while (host.plane.snapshot().find(({ name }) => name === 'busy')?.inFlight !== 2) await new Promise((resolve) => { setImmediate(resolve); });
  const third = fetch(`${host.url}/busy/3`);
  while (host.plane.snapshot().find(({ name }) => name === 'busy')?.inFlight !== 3) await new Promise((resolve) => { setImmediate(resolve); });
  const refused = await fetch(`${host.url}/busy/4`);
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('retry-after'), '1');
  assert.equal((await problemOf(refused)).code, 'TOO_BUSY');
  const other = await fetch(`${host.url}/hello`);
  assert.equal(other.status, 200);
  await other.text();
  await host.plane.drain('busy', host.plane.snapshot().find(({ name }) => name === 'busy')?.version ?? '', 0);
  for (const answer of await Promise.all([...first, third])) assert.equal((await problemOf(answer)).code, 'DRAINING');
  assert.equal((await fetch(`${host.url}/busy/open`)).status, 200);
});

test('a body over the limit is refused at the byte, announced or not, before or after the handler has begun', async () => {
  await host.serve(`export default { async fetch(request) { return new Response(String((await request.arrayBuffer()).byteLength)); } };`,
    { name: 'limited', routes: ['POST /limited'], limits: { bodyBytesMax: 2_000_000 } });
  const post = (body: Buffer | ReadableStream): Promise<Response> => fetch(`${host.url}/limited`, { method: 'POST', body, duplex: 'half' });
  assert.equal(await (await post(Buffer.alloc(2_000_000))).text(), '2000000');
  assert.equal((await problemOf(await post(Buffer.alloc(2_000_001)))).code, 'BODY_TOO_LARGE');
  assert.equal((await post(new Blob([Buffer.alloc(2_000_000)]).stream())).status, 200);
  assert.equal((await post(new Blob([Buffer.alloc(2_000_001)]).stream())).status, 413);
  const raw = await RawConnection.open(host.url);
  raw.send('POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\nExpect: 100-continue\r\n\r\n');
  assert.equal((await raw.answer()).status, 413);
  raw.destroy();
});

test('a body that stops is a 408, collected or streamed', async () => {
  await host.serve(`export default { async fetch(request) { return new Response(String((await request.arrayBuffer()).byteLength)); } };`, { name: 'stops', routes: ['POST /stops'] });
  for (const head of ['Content-Length: 100', 'Content-Length: 5000000', 'Transfer-Encoding: chunked']) {
    const raw = await RawConnection.open(host.url);
    raw.send(`POST /stops HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n${head.includes('chunked') ? '5\r\nhello\r\n' : 'hello'}`);
    const answer = await raw.answer();
    assert.equal(answer.status, 408, head);
    assert.equal(JSON.parse(answer.body).code, 'BODY_TIMEOUT');
    assert.equal(answer.headers['connection'], 'close');
    await raw.closed();
  }
});

test('a malformed request, a head that is too large and a wrong host are refused as problems', async () => {
  const cases = [
    ['GET /hello HTTP/1.1\r\nHost: a\r\nX: ' + 'y'.repeat(20_000) + '\r\n\r\n', 431, 'HEADERS_TOO_LARGE'],
    ['NONSENSE\r\n\r\n', 400, 'BAD_REQUEST'],
    ['GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n', 400, 'BAD_REQUEST'],
    ['GET /hello HTTP/1.1\r\n\r\n', 400, 'BAD_REQUEST'],
    ['GET /nowhere HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\n\r\n', 404, 'NO_ROUTE'],
    ['GET hello HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'BAD_REQUEST'],
    ['POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n', 400, 'BAD_REQUEST'],
  ] as const;
  for (const [text, status, code] of cases) {
    const raw = await RawConnection.open(host.url);
    raw.send(text);
    const answer = await raw.answer();
    assert.equal(answer.status, status, text.slice(0, 60));
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    const problem = JSON.parse(answer.body) as { code: string; requestId: string };
    assert.deepEqual([problem.code, problem.requestId], [code, answer.headers['pilotlight-request-id']], text.slice(0, 60));
    raw.destroy();
  }
});

test('requests that were sent at once are answered in their order', async () => {
  await host.serve(`export default { async fetch(request) { const n = Number(new URL(request.url).searchParams.get('n'));
    await new Promise((r) => setTimeout(r, 40 - 10 * n)); return new Response(String(n)); } };`, { name: 'order', routes: ['GET /order'] });
  const raw = await RawConnection.open(host.url);
  raw.send([0, 1, 2, 3].map((n) => `GET /order?n=${n} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
  for (const n of ['0', '1', '2', '3']) assert.equal((await raw.answer()).body, n);
  raw.destroy();
});

test('a golden request reaches the isolate it names, marked, and its record says so', async () => {
  const version = await host.serve(`import { threadId } from 'node:worker_threads';
    export default { fetch: (request) => Response.json({ mark: request.headers.get('pilotlight-warmup'), threadId }) };`, { name: 'golden', routes: ['GET /golden'], isolates: 2 });
  const golden = { method: 'GET', path: '/golden', headers: {}, body: undefined };
  const answers = await Promise.all([0, 1, 2, 0].map((index) => host.plane.golden(version, index, golden)));
  const seen = answers.map((answer) => JSON.parse(Buffer.from(answer.body).toString()) as { mark: string; threadId: number });
  assert.ok(seen.every(({ mark }) => mark === '1'));
  assert.equal(new Set(seen.map(({ threadId }) => threadId)).size, 3);
  assert.equal(seen[0]?.threadId, seen[3]?.threadId);
  assert.equal((await host.record('/golden')).golden, true);
  await assert.rejects(host.plane.golden({ ...version, version: 'f'.repeat(64) }, 0, golden), { code: 'NO_VERSION' });
});

test('a switch leaves no request unanswered and none answered by a mixture', async () => {
  const source = (text: string): string => `export default { async fetch() { await new Promise((r) => setTimeout(r, 5)); return new Response('${text}'); } };`;
  const first = await host.serve(source('one'), { name: 'switched', routes: ['GET /switched'] });
  const second = await host.write(source('two'), { name: 'switched', routes: ['GET /switched'] });
  const label = (version: { version: string }): string => `switched@${version.version.slice(0, 8)}`;
  const texts = new Map([[label(first), 'one'], [label(second), 'two']]);
  const stop = new AbortController();
  const seen = new Set<string>();
  const load = Promise.all(Array.from({ length: 8 }, async () => {
    while (!stop.signal.aborted) {
      const answer = await fetch(`${host.url}/switched`);
      assert.equal(answer.status, 200);
      const named = answer.headers.get('pilotlight-version') ?? '';
      assert.equal(await answer.text(), texts.get(named));
      seen.add(named);
    }
  }));
  await host.plane.start(second, async () => ({}), 'deploy');
  while (!seen.has(label(first))) await fetch(`${host.url}/switched`).then((answer) => answer.text());
  await host.route(second);
  assert.equal(await host.plane.drain('switched', first.version, 5000), 0);
  await host.plane.stop('switched', first.version);
  while (!seen.has(label(second))) await fetch(`${host.url}/switched`).then((answer) => answer.text());
  stop.abort();
  await load;
  assert.deepEqual(host.plane.snapshot().filter(({ name }) => name === 'switched').map(({ version }) => version), [second.version]);
});

test('starting a version that runs does nothing', async () => {
  const version = await host.serve(`export default { fetch: () => new Response('x') };`, { name: 'twice', routes: ['GET /twice'] });
  const before = host.isolates.length;
  await host.plane.start(version, async () => ({}), 'deploy');
  assert.equal(host.isolates.length, before);
});

test('a secret that changed is seen by isolates that start after it', async () => {
  const secrets = { KEY: 'old' };
  await host.serve(`export default { fetch(request, env) { if (request.url.endsWith('/die')) process.exit(); return new Response(env.KEY); } };`,
    { name: 'keys', routes: ['/keys/*'], secrets });
  const ask = async (path: string): Promise<string> => (await fetch(`${host.url}/keys/${path}`)).text();
  assert.equal(await ask('a'), 'old');
  secrets.KEY = 'new';
  await ask('die');
  assert.equal(await ask('a'), 'old', 'the spare stood there already');
  await host.until(() => host.isolates.find((one) => one.function === 'keys' && one.reason === 'replace'));
  await ask('die');
  assert.equal(await ask('a'), 'new');
});

test('a line that a handler logs carries the request and its trace', async () => {
  await host.serve(`export default { fetch() { console.log('seen'); return new Response('ok'); } };`, { name: 'logs', routes: ['/logs'] });
  const traceId = 'abcdef0123456789abcdef0123456789';
  const answer = await fetch(`${host.url}/logs`, { headers: { traceparent: `00-${traceId}-0123456789abcdef-01` } });
  const line = await host.until(() => host.logs.find((event) => event.text === 'seen'));
  assert.deepEqual([line.requestId, line.traceId], [answer.headers.get('pilotlight-request-id'), traceId]);
});
