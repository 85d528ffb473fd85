import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { Answerer } from './answerer.ts';
import { closeListeners, openListeners } from './listeners.ts';
import type { Listeners } from './listeners.ts';
import { loadSockets } from './sockets.ts';

const sockets = loadSockets();
let listeners: Listeners;
let answerer: Answerer;
let clock: ManualClock;
let failures: string[];
let duplicate: (fd: number) => number;

beforeEach(() => {
  clock = new ManualClock();
  failures = [];
  duplicate = sockets.duplicate;
  listeners = openListeners({ host: '127.0.0.1', port: 0, adminHost: '127.0.0.1', adminPort: 0, ingressThreads: 2 }, sockets);
  answerer = new Answerer({
    listeners, clock,
    sockets: { duplicate: (fd) => duplicate(fd) },
    excuse: () => ({ code: 'RESTARTING', message: 'soon', retryAfterS: 4 }),
    onFailure: (reason) => failures.push(reason),
  });
});
afterEach(() => {
  answerer.close();
  closeListeners(listeners, sockets);
});

async function ask(options: RequestOptions = {}, body?: Buffer): Promise<{ answer: IncomingMessage; body: string }> {
  const asking = request({ host: '127.0.0.1', port: listeners.port, agent: false, ...options });
  asking.end(body);
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  return { answer, body: await text(answer) };
}

async function dial(port = listeners.port): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

test('everybody is answered 503 with the code, a request id and when to come again', async () => {
  answerer.open('all');
  const { answer, body } = await ask({ path: '/digits?x=1' });
  assert.equal(answer.statusCode, 503);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.equal(answer.headers['retry-after'], '4');
  assert.equal(answer.headers['connection'], 'close');
  const problem = JSON.parse(body);
  assert.deepEqual([problem.code, problem.status, problem.detail, problem.retryable], ['RESTARTING', 503, 'soon', true]);
  assert.equal(problem.requestId, answer.headers['pilotlight-request-id']);
});

test('a client that is still sending a large body gets its answer, not a reset', async () => {
  answerer.open('all');
  const { answer } = await ask({ method: 'POST' }, Buffer.alloc(8 * 1024 * 1024));
  assert.equal(answer.statusCode, 503);
});

test('a client that asks first keeps its body', async () => {
  answerer.open('all');
  const asking = request({ host: '127.0.0.1', port: listeners.port, agent: false, method: 'POST', headers: { expect: '100-continue', 'content-length': 10 } });
  asking.on('continue', () => assert.fail('told to go on'));
  asking.flushHeaders();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  assert.equal(answer.statusCode, 503);
  answer.resume();
  await once(answer, 'end');
});

test('on the admin port liveness is yes and everything else is 503', async () => {
  answerer.open('all');
  const port = listeners.adminPort;
  assert.equal((await ask({ port, path: '/livez' })).answer.statusCode, 200);
  assert.equal((await ask({ port, path: '/readyz' })).answer.statusCode, 503);
  assert.equal((await ask({ path: '/livez' })).answer.statusCode, 503);
});

test('while a host drains its admin port is left to it', async () => {
  answerer.open('all');
  answerer.open('functions');
  assert.equal((await ask()).answer.statusCode, 503);
  const admin = createServer((socket) => socket.end('the host')).listen({ fd: sockets.duplicate(listeners.admin) });
  assert.equal(await text(await dial(listeners.adminPort)), 'the host');
  admin.close();
});

test('before it opens and after it closes connections wait for the next listener and are refused by nobody', async () => {
  const early = ask();
  answerer.open('all');
  assert.equal((await early).answer.statusCode, 503);
  answerer.close();
  const waiting = [await dial(), await dial(), await dial(), await dial()];
  const accepted: Socket[] = [];
  await new Promise<void>((resolve) => {
    const hosts = listeners.ingress.map(() => createServer((socket) => {
      accepted.push(socket);
      if (accepted.length < waiting.length) return;
      for (const host of hosts) host.close();
      resolve();
    }));
    hosts.forEach((host, index) => host.listen({ fd: sockets.duplicate(listeners.ingress[index] ?? -1) }));
  });
  for (const socket of [...waiting, ...accepted]) socket.destroy();
});

test('the kernel\'s queue is as long after it has closed as it was before', { timeout: 10_000 }, async () => {
  answerer.open('all');
  answerer.close();
  // Both listeners at node's own 511 would hold 1024.
  const waiting = await Promise.all(Array.from({ length: 1500 }, () => dial()));
  for (const socket of waiting) socket.destroy();
});

test('fault 54: idle connections do not use up the descriptors: the rest waits, and is answered when they are cut', { timeout: 10_000 }, async () => {
  answerer.open('all');
  const idle = await Promise.all(Array.from({ length: 128 }, () => dial()));
  const closed = Promise.all(idle.map((socket) => once(socket, 'close')));
  // Each connection that was taken has a cut armed.
  while (clock.pending < 128) await new Promise((resolve) => setImmediate(resolve));
  const late = ask();
  clock.advance(2000);
  await closed;
  assert.equal((await late).answer.statusCode, 503);
});

test('fault 54: without descriptors it says so, answers nobody, and answers when it is opened again', async () => {
  duplicate = () => {
    throw new Error('fcntl: Too many open files');
  };
  answerer.open('all');
  assert.deepEqual(failures, ['fcntl: Too many open files']);
  const waiting = ask();
  duplicate = sockets.duplicate;
  answerer.open('all');
  assert.equal((await waiting).answer.statusCode, 503);
});

test('at the end whoever still waits in the kernel is answered', async () => {
  const waiting = await Promise.all(Array.from({ length: 40 }, () => dial()));
  const answers = waiting.map(async (socket) => {
    socket.end('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    return text(socket);
  });
  await answerer.finish();
  for (const answer of await Promise.all(answers)) assert.match(answer, /^HTTP\/1\.1 503 /);
});
