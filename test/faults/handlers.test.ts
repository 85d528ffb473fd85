// What handlers can do to their host: nothing beyond their own requests.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { HandlerHost } from '../support/handler-host.ts';
import { RawConnection } from '../support/raw-http.ts';

let host: HandlerHost;
before(async () => {
  host = await HandlerHost.open({ bodyIdleTimeoutMs: 5000 });
  await host.serve(`export default { fetch: () => new Response('fine') };`, { name: 'other', routes: ['GET /other'] });
});
after(() => host.close());

const codeOf = async (answer: Response): Promise<string> => (await answer.json() as { code: string }).code;
const statusOf = (name: string) => host.plane.snapshot().find((status) => status.name === name);
/** Resolves when so many requests of the function are in the host. */
const inFlight = async (name: string, count: number): Promise<void> => {
  while (statusOf(name)?.inFlight !== count) await new Promise((resolve) => { setImmediate(resolve); });
};
/** Other routes serve meanwhile. */
const othersServe = async (): Promise<void> => {
  const answer = await fetch(`${host.url}/other`);
  assert.deepEqual([answer.status, await answer.text()], [200, 'fine']);
};

test('fault 18: a handler that loops is answered 504 at its deadline and its isolate replaced within a second', async () => {
  await host.serve(`export default { fetch(request) { if (request.url.endsWith('/loop')) for (;;); return new Response('ok'); } };`,
    { name: 'loops', routes: ['/loops/*'], limits: { timeoutMs: 300 } });
  const startMs = performance.now();
  const loop = fetch(`${host.url}/loops/loop`);
  await othersServe();
  const answer = await loop;
  const answeredMs = performance.now();
  assert.equal(answer.status, 504);
  assert.equal(await codeOf(answer), 'DEADLINE');
  assert.ok(answeredMs - startMs >= 300, `answered after ${answeredMs - startMs} ms`);
  await othersServe();
  await host.until(() => host.logs.find((event) => event.function === 'loops' && event.text.includes('is replaced')));
  assert.equal((await fetch(`${host.url}/loops/ok`)).status, 200);
  assert.ok(performance.now() - answeredMs < 1000, `replaced ${performance.now() - answeredMs} ms after the answer`);
  assert.equal(statusOf('loops')?.replaced, 1);
  assert.ok(await host.until(() => host.isolates.find((record) => record.function === 'loops' && record.reason === 'replace')));
});

test('fault 18: a loop that V8 has compiled without a pause is ended all the same', async () => {
  const version = await host.serve(`export default { fetch() { const kept = []; for (;;) { kept.push(new Array(1000).fill(0)); if (kept.length > 1000) kept.length = 0; } } };`,
    { name: 'compiled', routes: ['/compiled'], limits: { timeoutMs: 700 } });
  assert.equal((await fetch(`${host.url}/compiled`)).status, 504);
  await host.until(() => host.logs.find((event) => event.function === 'compiled' && event.text.includes('is replaced')));
  await host.stop(version); // waits for the end of its threads
});

test('fault 19: a handler that never resolves is answered 504, its place is free, and what it says later meets nobody', async () => {
  await host.serve(`let resume; export default { fetch(request) {
      const path = new URL(request.url).pathname;
      if (path.endsWith('/hang')) return new Promise((resolve) => { resume = () => resolve(new Response('late')); });
      if (path.endsWith('/resume')) resume();
      return new Response('own');
    } };`, { name: 'hangs', routes: ['/hangs/*'], limits: { timeoutMs: 200, concurrency: 1 } });
  const answer = await fetch(`${host.url}/hangs/hang`);
  assert.equal(answer.status, 504);
  assert.equal(statusOf('hangs')?.inFlight, 0);
  for (const path of ['resume', 'a', 'b']) assert.equal(await (await fetch(`${host.url}/hangs/${path}`)).text(), 'own');
  assert.equal(statusOf('hangs')?.replaced, 0);
});

test('fault 19: the deadline is the signal of the request', async () => {
  await host.serve(`export default { async fetch(request, env, context) {
      await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
      console.log('aborted', request.signal.reason.name, context.signal === request.signal);
      return new Response('late');
    } };`, { name: 'signalled', routes: ['/signalled'], limits: { timeoutMs: 100 } });
  const answer = await fetch(`${host.url}/signalled`);
  assert.equal(answer.status, 504);
  const line = await host.until(() => host.logs.find((event) => event.function === 'signalled'));
  assert.equal(line.text, 'aborted TimeoutError true');
  assert.equal(line.requestId, answer.headers.get('pilotlight-request-id'));
});

for (const [what, line] of [['process.exit()', 'process.exit(3)'], ['an uncaught error', `setTimeout(() => { throw new Error('from a timer'); })`]] as const) {
  test(`fault 21: ${what} loses the requests in flight in that isolate and no others`, async () => {
    const name = `exits-${what.length}`;
    await host.serve(`export default { async fetch(request) {
        if (request.url.endsWith('/end')) { ${line}; await new Promise(() => {}); }
        if (request.url.endsWith('/wait')) await new Promise(() => {});
        return new Response('ok');
      } };`, { name, routes: [`/${name}/*`] });
    const waiting = fetch(`${host.url}/${name}/wait`);
    await inFlight(name, 1);
    const ended = await fetch(`${host.url}/${name}/end`);
    assert.equal(ended.status, 502);
    assert.equal(await codeOf(ended), 'ISOLATE_LOST');
    assert.equal(await codeOf(await waiting), 'ISOLATE_LOST');
    await othersServe();
    assert.equal((await fetch(`${host.url}/${name}/ok`)).status, 200);
    const warning = await host.until(() => host.logs.find((event) => event.function === name && event.text.includes('is replaced')));
    assert.match(warning.text, what.startsWith('process') ? /code 3/ : /from a timer/);
  });
}

test('fault 21: a function whose every request ends its isolate is answered 502 and served again when it stops', async () => {
  await host.serve(`export default { fetch(request) { if (request.url.endsWith('/end')) process.exit(1); return new Response('ok'); } };`,
    { name: 'crashes', routes: ['/crashes/*'] });
  for (let count = 0; count < 5; count += 1) assert.equal((await fetch(`${host.url}/crashes/end`)).status, 502, String(count));
  await othersServe();
  const answer = await fetch(`${host.url}/crashes/ok`);
  assert.equal(answer.status, 200);
  assert.equal(statusOf('crashes')?.replaced, 5);
});

test('fault 21: the spare that comes after a loss is warmed with what the version was warmed with', async () => {
  const version = await host.serve(`let seen = 0; export default { fetch(request) {
      if (request.url.endsWith('/end')) process.exit(1);
      seen += 1; return Response.json(seen); } };`, { name: 'warmed', routes: ['/warmed/*'] });
  const golden = { method: 'GET', path: '/warmed/golden', headers: {}, body: undefined };
  for (const index of [0, 1]) await host.plane.golden(version, index, golden);
  const goldens = (): number => host.records.filter((record) => record.golden && record.function === 'warmed').length;
  await host.until(() => (goldens() === 2 ? true : undefined));
  assert.equal((await fetch(`${host.url}/warmed/end`)).status, 502);
  await host.until(() => (goldens() === 3 ? true : undefined));
  assert.equal(await (await fetch(`${host.url}/warmed/next`)).json(), 2, 'the spare that took the place was warm');
  assert.equal((await fetch(`${host.url}/warmed/end`)).status, 502);
  assert.equal(await (await fetch(`${host.url}/warmed/next`)).json(), 2, 'and so was its successor');
});

const FILLS = {
  arrays: 'const kept = []; for (;;) kept.push(new Array(1000).fill(Math.random()));',
  map: 'const kept = new Map(); for (let at = 0;; at += 1) kept.set(at, at);',
  concat: 'let kept = new Array(1e5).fill(1.5); for (;;) kept = kept.length < 3e7 ? kept.concat(kept) : [...kept];',
} as const;

for (const [kind, fill] of Object.entries(FILLS)) {
  test(`fault 22: an isolate whose heap outgrows its limit by ${kind} ends alone`, async () => {
    await host.serve(`export default { fetch(request) { if (request.url.endsWith('/fill')) { ${fill} } return new Response('ok'); } };`,
      { name: `heap-${kind}`, routes: [`/heap-${kind}/*`], limits: { heapMiB: 64, timeoutMs: 10_000 } });
    const answer = await fetch(`${host.url}/heap-${kind}/fill`);
    assert.ok([502, 504].includes(answer.status), String(answer.status));
    await othersServe();
    assert.equal((await fetch(`${host.url}/heap-${kind}/ok`)).status, 200);
    await host.until(() => host.logs.find((event) => event.function === `heap-${kind}` && event.text.includes('is replaced')));
  });
}

test('fault 22: an isolate whose heap grows from request to request is replaced without losing one', async () => {
  await host.serve(`const kept = []; export default { async fetch() {
      kept.push(Array.from({ length: 200_000 }, (_, at) => ({ at }))); await new Promise((r) => setTimeout(r, 5)); return new Response(String(kept.length)); } };`,
  { name: 'leaks', routes: ['/leaks'], limits: { heapMiB: 48 } });
  while (statusOf('leaks')?.replaced === 0) assert.equal((await fetch(`${host.url}/leaks`)).status, 200);
  const warning = await host.until(() => host.logs.find((event) => event.function === 'leaks' && event.text.includes('is replaced')));
  assert.match(warning.text, /MiB of heap .* limits.heapMiB is 48/);
  assert.equal((await fetch(`${host.url}/leaks`)).status, 200);
});

test('fault 22: an isolate that hoards buffers is replaced without losing a request, and garbage is no hoard', async () => {
  await host.serve(`const kept = []; export default { fetch(request) {
      const buffer = new Uint8Array(4 * 1024 * 1024).fill(1);
      if (request.url.endsWith('/keep')) kept.push(buffer);
      return new Response(String(kept.length)); } };`, { name: 'hoards', routes: ['/hoards/*'], limits: { heapMiB: 64 } });
  for (let count = 0; count < 40; count += 1) assert.equal((await fetch(`${host.url}/hoards/drop`)).status, 200);
  assert.equal(statusOf('hoards')?.replaced, 0);
  for (let count = 0; count < 20; count += 1) assert.equal((await fetch(`${host.url}/hoards/keep`)).status, 200);
  const warning = await host.until(() => host.logs.find((event) => event.function === 'hoards' && event.text.includes('is replaced')));
  assert.match(warning.text, /MiB of buffers, limits.heapMiB is 64/);
  assert.ok(Number(await (await fetch(`${host.url}/hoards/drop`)).text()) < 16, 'another isolate answers');
  assert.equal(statusOf('hoards')?.replaced, 1);
});

test('fault 22: an isolate that hoards buffers without ever pausing is ended before its deadline', async () => {
  await host.serve(`const kept = []; export default { fetch(request) {
      if (request.url.endsWith('/ok')) return new Response('ok');
      const untilMs = performance.now() + 20_000;
      while (performance.now() < untilMs) { kept.push(Buffer.alloc(1024 * 1024, 1)); const pauseMs = performance.now() + 10; while (performance.now() < pauseMs); }
      return new Response('never'); } };`, { name: 'hoards-on', routes: ['/hoards-on/*'], limits: { heapMiB: 64, timeoutMs: 30_000 } });
  const startMs = performance.now();
  const answer = await fetch(`${host.url}/hoards-on/fill`);
  assert.equal(answer.status, 502);
  assert.ok(performance.now() - startMs < 15_000, `ended after ${performance.now() - startMs} ms`);
  assert.equal((await fetch(`${host.url}/hoards-on/ok`)).status, 200);
});

test('fault 23: throws and rejections of every kind are answers and log lines with the request id, and the isolate stays', async () => {
  await host.serve(`
    const encoder = new TextEncoder();
    const kinds = {
      error: () => { throw new Error('plain'); }, rejects: async () => { await null; throw new Error('rejected'); },
      string: () => { throw 'a string'; }, nothing: () => { throw undefined; }, odd: () => { throw { toString() { throw new Error('worse'); } }; },
      unhandled: () => { Promise.reject(new Error('forgotten')); return new Response('answered'); },
      later: (c) => { c.waitUntil(Promise.reject(new Error('afterwards'))); return new Response('answered'); },
      stream: () => new Response(new ReadableStream({ async start(c) { c.enqueue(encoder.encode('part')); await new Promise((r) => setTimeout(r, 20)); throw new Error('mid-stream'); } })),
      atOnce: () => new Response(new ReadableStream({ start() { throw new Error('at once'); } })),
      early: () => new Response(new ReadableStream({ pull() { throw new Error('first pull'); } })),
      chunk: () => new Response(new ReadableStream({ start(c) { c.enqueue('no bytes'); c.close(); } })),
      wrong: () => ({ status: 200 }), none: () => undefined, used: async () => { const r = new Response('a'); await r.text(); return r; },
    };
    export default { fetch: (request, env, context) => kinds[new URL(request.url).pathname.slice(8)](context) };`, { name: 'throws', routes: ['/throws/*'] });
  const cases: readonly (readonly [string, number, string, string])[] = [
    ['error', 500, 'HANDLER_FAILED', 'plain'], ['rejects', 500, 'HANDLER_FAILED', 'rejected'], ['string', 500, 'HANDLER_FAILED', 'a string'],
    ['nothing', 500, 'HANDLER_FAILED', 'undefined'], ['odd', 500, 'HANDLER_FAILED', 'cannot be printed'], ['atOnce', 500, 'HANDLER_FAILED', 'at once'],
    ['early', 500, 'HANDLER_FAILED', 'first pull'], ['chunk', 500, 'HANDLER_FAILED', 'Uint8Array'],
    ['wrong', 502, 'BAD_RESPONSE', 'not a Response'], ['none', 502, 'BAD_RESPONSE', 'not a Response'], ['used', 502, 'BAD_RESPONSE', 'read already'],
  ];
  for (const [kind, status, code, text] of cases) {
    const answer = await fetch(`${host.url}/throws/${kind}`);
    assert.equal(answer.status, status, kind);
    const problem = await answer.json() as { code: string; requestId: string; detail: string };
    assert.equal(problem.code, code, kind);
    if (code === 'HANDLER_FAILED') assert.ok(!problem.detail.includes(text), 'what was thrown is for the log only');
    await host.until(() => host.logs.find((event) => event.requestId === problem.requestId && event.text.includes(text)));
  }
  for (const [kind, text] of [['unhandled', 'forgotten'], ['later', 'afterwards']] as const) {
    const answer = await fetch(`${host.url}/throws/${kind}`);
    assert.equal(await answer.text(), 'answered');
    await host.until(() => host.logs.find((event) => event.requestId === answer.headers.get('pilotlight-request-id') && event.text.includes(text)));
  }
  const cut = await fetch(`${host.url}/throws/stream`);
  assert.equal(cut.status, 200);
  await assert.rejects(cut.text(), 'the caller sees that the answer is not whole');
  await host.until(() => host.logs.find((event) => event.requestId === cut.headers.get('pilotlight-request-id') && event.text.includes('mid-stream')));
  assert.equal((await host.record('/throws/stream')).errorCode, 'HANDLER_FAILED');
  assert.equal(statusOf('throws')?.replaced, 0);
});

test('fault 24: what a handler does to globals, prototypes and env is seen by no other function, and by no other request in env', async () => {
  const source = `export default { fetch(request, env) {
      if (request.url.endsWith('/spoil')) {
        globalThis.spoiled = true; Object.prototype.spoiled = true; Array.prototype.map = () => 'spoiled'; env.MODE = 'spoiled'; process.env.SPOILED = '1';
        Response.json = () => { throw new Error('spoiled'); };
      }
      return new Response(JSON.stringify([globalThis.spoiled ?? null, {}.spoiled ?? null, [1].map((x) => x) === 'spoiled', env.MODE]));
    } };`;
  await host.serve(source, { name: 'spoiler', routes: ['/spoiler/*'], vars: { MODE: 'a' } });
  await host.serve(`${source}// the same code, another function`, { name: 'victim', routes: ['/victim/*'], vars: { MODE: 'a' } });
  assert.deepEqual(await (await fetch(`${host.url}/spoiler/spoil`)).json(), [true, true, true, 'spoiled']);
  assert.deepEqual(await (await fetch(`${host.url}/victim/look`)).json(), [null, null, false, 'a']);
  assert.equal((await (await fetch(`${host.url}/spoiler/look`)).json() as unknown[])[3], 'a');
  assert.equal(process.env['SPOILED'], undefined);
  await othersServe();
});

test('fault 25: timers and sockets that a handler keeps do not keep its version alive', async () => {
  const version = await host.serve(`import { createServer } from 'node:net';
    setInterval(() => {}, 10); createServer().listen(0, '127.0.0.1');
    export default { fetch: (request, env, context) => { context.waitUntil(new Promise(() => {})); return new Response('ok'); } };`,
  { name: 'keeps', routes: ['/keeps'], limits: { timeoutMs: 200 } });
  assert.equal((await fetch(`${host.url}/keeps`)).status, 200);
  const startMs = performance.now();
  assert.equal(await host.stop(version), 0);
  assert.ok(performance.now() - startMs < 3000);
  assert.equal(statusOf('keeps'), undefined);
});

test('fault 25: work given to waitUntil is waited for when its version stops', async () => {
  const version = await host.serve(`export default { fetch: (request, env, context) => {
      context.waitUntil(new Promise((resolve) => setTimeout(resolve, 150)).then(() => console.log('work done'))); return new Response('ok'); } };`,
  { name: 'outlives', routes: ['/outlives'] });
  assert.equal((await fetch(`${host.url}/outlives`)).status, 200);
  await host.stop(version);
  assert.ok(host.logs.some((event) => event.function === 'outlives' && event.text === 'work done'));
});

test('fault 26: a caller who leaves aborts the signal of his request, whether it runs, sends its body or reads its answer', async () => {
  await host.serve(`export default { async fetch(request) {
      const kind = new URL(request.url).pathname.slice(8);
      request.signal.addEventListener('abort', () => console.log(kind, request.signal.reason.name));
      if (kind === 'body') await request.text().catch((error) => console.log('body failed', error.name));
      if (kind === 'answer') return new Response(new ReadableStream({ pull: (c) => { c.enqueue(new Uint8Array(65536)); }, cancel: () => console.log('cancelled') }));
      await new Promise(() => {});
    } };`, { name: 'leaves', routes: ['/leaves/*'] });
  const sends = {
    run: 'GET /leaves/run HTTP/1.1\r\nHost: a\r\n\r\n', answer: 'GET /leaves/answer HTTP/1.1\r\nHost: a\r\n\r\n',
    body: 'POST /leaves/body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
  };
  for (const [kind, text] of Object.entries(sends)) {
    const raw = await RawConnection.open(host.url);
    raw.send(text);
    await inFlight('leaves', 1);
    if (kind === 'answer') while (raw.received === '') await new Promise((resolve) => { setImmediate(resolve); });
    raw.destroy();
    await host.until(() => host.logs.find((event) => event.text === `${kind} AbortError`));
    const record = await host.record(`/leaves/${kind}`);
    assert.deepEqual([record.status, record.errorCode], [499, 'CLIENT_CLOSED'], kind);
    assert.equal(statusOf('leaves')?.inFlight, 0);
  }
  await host.until(() => host.logs.find((event) => event.text === 'body failed AbortError'));
  await host.until(() => host.logs.find((event) => event.text === 'cancelled'));
});

test('fault 27: a reader who stalls holds the handler back and is cut at the write timeout', async () => {
  await host.serve(`let made = 0; export default { fetch(request) {
      if (request.url.endsWith('/made')) return new Response(String(made));
      return new Response(new ReadableStream({ pull(c) { made += 65536; c.enqueue(new Uint8Array(65536)); } }));
    } };`, { name: 'stalls', routes: ['/stalls/*'], limits: { writeTimeoutMs: 600, responseBytesMax: 1024 ** 3 } });
  const raw = await RawConnection.open(host.url);
  raw.socket.pause();
  raw.send('GET /stalls/stream HTTP/1.1\r\nHost: a\r\n\r\n');
  const record = await host.record('/stalls/stream');
  assert.deepEqual([record.status, record.errorCode], [499, 'CLIENT_CLOSED']);
  const made = Number(await (await fetch(`${host.url}/stalls/made`)).text());
  assert.ok(made < 16 * 1024 * 1024, `the handler made ${made} bytes for a reader who read nothing`);
  raw.destroy();
});

test('fault 27: a slow reader who does read gets all of it', async () => {
  await host.serve(`export default { fetch: () => new Response(new Uint8Array(8_000_000).fill(7)) };`, { name: 'slowly', routes: ['/slowly'], limits: { writeTimeoutMs: 500 } });
  const answer = await fetch(`${host.url}/slowly`);
  let bytes = 0;
  let reads = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength;
    reads += 1;
    if (reads % 16 === 0) await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  assert.equal(bytes, 8_000_000);
});

test('fault 28: a response over the limit is a 502, or cut where its head has left', async () => {
  await host.serve(`
    const chunks = () => { let left = 100; return new ReadableStream({ pull(c) { if (left-- > 0) c.enqueue(new Uint8Array(10_000)); else c.close(); } }); };
    const kinds = { whole: () => new Response('x'.repeat(100_001)), accents: () => new Response('é'.repeat(50_001)), bytes: () => new Response(new Uint8Array(100_001)),
      fits: () => new Response('x'.repeat(100_000)), stream: () => new Response(chunks()) };
    export default { fetch: (request) => kinds[new URL(request.url).pathname.slice(7)]() };`, { name: 'large', routes: ['/large/*'], limits: { responseBytesMax: 100_000 } });
  for (const kind of ['whole', 'accents', 'bytes']) {
    const answer = await fetch(`${host.url}/large/${kind}`);
    assert.deepEqual([answer.status, await codeOf(answer)], [502, 'BAD_RESPONSE'], kind);
  }
  assert.equal((await (await fetch(`${host.url}/large/fits`)).text()).length, 100_000);
  const cut = await fetch(`${host.url}/large/stream`);
  await assert.rejects(cut.arrayBuffer());
  assert.equal((await host.record('/large/stream')).errorCode, 'BAD_RESPONSE');
});

test('fault 28: header characters that cannot be sent are a 502 and never another header', async () => {
  await host.serve(`
    const three = () => new ReadableStream({ async start(c) { c.enqueue(new Uint8Array(3)); await new Promise((r) => setTimeout(r, 20)); c.close(); } });
    const kinds = { control: () => new Response('x', { headers: { a: 'b\\u0001c' } }), split: () => new Response('x', { headers: { a: 'b\\r\\nInjected: 1' } }),
      name: () => new Response('x', { headers: { 'a\\r\\nInjected': '1' } }), wide: () => new Response('x', { headers: { a: '\\u0100' } }),
      patched: () => { const r = new Response('x'); Object.defineProperty(r, 'headers', { value: new Map([['a', 'b\\r\\nInjected: 1']]) }); return r; },
      patchedStream: () => { const r = new Response(new ReadableStream()); Object.defineProperty(r, 'headers', { value: [['a', 'b\\nInjected\\n1']] }); return r; },
      short: () => new Response(three(), { headers: { 'content-length': '5' } }),
      error: () => Response.error() };
    export default { fetch: (request) => kinds[new URL(request.url).pathname.slice(9)]() };`, { name: 'injects', routes: ['/injects/*'] });
  for (const [kind, status] of [['control', 502], ['split', 500], ['name', 500], ['wide', 500], ['error', 502]] as const) {
    const answer = await fetch(`${host.url}/injects/${kind}`);
    assert.equal(answer.status, status, kind);
    assert.equal(answer.headers.get('injected'), null);
  }
  for (const kind of ['patched', 'patchedStream']) {
    const raw = await RawConnection.open(host.url);
    raw.send(`GET /injects/${kind} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const answer = await raw.answer();
    assert.equal(answer.headers['injected'], undefined, kind);
    raw.destroy();
  }
  const short = await fetch(`${host.url}/injects/short`);
  await assert.rejects(short.arrayBuffer());
});
