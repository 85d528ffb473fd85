// The supervisor as a process, with real signals and real sockets: what clients, operators and other hosts see
// when the host process behind it dies, hangs, starts slowly or is asked to stop.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, test } from 'node:test';
import { askOnce, Load } from '../support/short-requests.ts';
import { Supervised } from '../support/supervised.ts';
import type { SupervisedOptions } from '../support/supervised.ts';

const TIME = { timeout: 60_000 };
const running: Supervised[] = [];
afterEach(async () => {
  for (const supervised of running.splice(0)) await supervised.close();
});

function start(options: SupervisedOptions = {}): Supervised {
  const supervised = new Supervised(options);
  running.push(supervised);
  return supervised;
}

async function portsOf(supervised: Supervised): Promise<{ port: number; adminPort: number }> {
  const { port = 0, adminPort = 0 } = await supervised.event('fake.ready').then(() => supervised.event('fake.up'));
  return { port, adminPort };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('fault 21: kill -9 of the host under load refuses no connection, and only requests in flight are lost', TIME, async () => {
  const supervised = start({ flags: ['--ingress-threads=2'] });
  const { port } = await portsOf(supervised);
  const clients = 8;
  const kills = 3;
  using load = new Load(port, clients);
  for (let round = 1; round <= kills; round += 1) {
    const { pid } = await supervised.event('fake.ready', round);
    await load.answers(String(pid), 50);
    process.kill(pid, 'SIGKILL');
  }
  await load.answers(String((await supervised.event('fake.ready', kills + 1)).pid), 50);
  const counts = await load.stop();
  const lost = counts.get('ECONNRESET') ?? 0;
  assert.ok(lost <= clients * kills, `${lost} lost`);
  assert.deepEqual([...counts.keys()].filter((result) => result !== 200 && result !== 'ECONNRESET'), []);
});

test('fault 21: while a host takes long to start clients are told RESTARTING, and its first connection is lost by neither', TIME, async () => {
  const supervised = start({ fakeHost: 'slow-restart', flags: ['--restart-wait-ms=0', '--ingress-threads=2'] });
  const { port, adminPort } = await portsOf(supervised);
  process.kill((await supervised.event('fake.ready')).pid, 'SIGKILL');
  const next = await supervised.event('fake.up', 2);
  using load = new Load(port, 8);
  await load.answers('RESTARTING', 50);
  assert.equal((await askOnce(adminPort, '/livez')).result, 200);
  assert.equal((await askOnce(adminPort, '/readyz')).result, 503);
  process.kill(next.pid, 'SIGUSR2');
  await load.answers(String(next.pid), 50);
  const afterwards = await askOnce(port);
  assert.deepEqual(afterwards, { result: 200, body: String(next.pid) });
  assert.deepEqual([...(await load.stop()).keys()].sort(), [200, 503]);
});

for (const [path, how] of [['/hang', 'loops'], ['/block', 'is blocked in native code']] as const) test(`fault 20: a host whose control thread ${how} is killed and replaced`, TIME, async () => {
  const supervised = start({ flags: ['--host-hang-ms=2000'] });
  const { port } = await portsOf(supervised);
  await askOnce(port, path);
  const died = await supervised.event('host.died');
  assert.match(died.msg ?? '', /the host gave no sign of life for 2 s and was killed; it is started again/);
  const { pid } = await supervised.event('fake.ready', 2);
  assert.equal((await askOnce(port)).body, String(pid));
});

test('fault 35: a host that gives up is replaced, and the next one knows why', TIME, async () => {
  const supervised = start();
  const { port } = await portsOf(supervised);
  assert.equal((await askOnce(port, '/lost')).result, 'ECONNRESET');
  const next = await supervised.event('fake.up', 2);
  assert.deepEqual((next as unknown as { lastDeath: object }).lastDeath, { cause: 'lost its device', by: 'other', blamed: [], running: [], preparing: [] });
});

for (const inFlight of [0, 1, 1000]) {
  test(`fault 51: SIGTERM with ${inFlight} in flight answers each of them, turns new ones away and exits with 0`, TIME, async () => {
    const supervised = start();
    const { port } = await portsOf(supervised);
    const held = Array.from({ length: inFlight }, () => askOnce(port, '/hold'));
    if (inFlight > 0) await supervised.event('fake.held', 1, ({ held: count }) => count === inFlight);
    supervised.kill('SIGTERM');
    const outcomes = await Promise.all(held);
    assert.deepEqual(outcomes.filter(({ result, body }) => result !== 200 || body !== 'drained'), []);
    assert.deepEqual(await supervised.ended, { exitCode: 0, message: '' });
    assert.equal((await askOnce(port)).result, 'ECONNREFUSED');
  });
}

test('fault 51: SIGTERM under load fails no request that the host took', TIME, async () => {
  const supervised = start();
  const { port } = await portsOf(supervised);
  const clients = 8;
  using load = new Load(port, clients);
  await load.answers('', 100);
  supervised.kill('SIGTERM');
  assert.deepEqual(await supervised.ended, { exitCode: 0, message: '' });
  const counts = await load.stop();
  assert.equal(counts.get(200), (await supervised.event('fake.ended')).taken);
  // Whoever knocks while the port closes is reset by the kernel, once.
  assert.ok((counts.get('ECONNRESET') ?? 0) <= clients);
  assert.deepEqual([...counts.keys()].filter((result) => ![200, 503, 'ECONNREFUSED', 'ECONNRESET'].includes(result)), []);
});

test('fault 51: the second SIGTERM ends supervisor and host at once', TIME, async () => {
  const supervised = start({ fakeHost: 'deaf' });
  await portsOf(supervised);
  const { pid } = await supervised.event('fake.up');
  supervised.kill('SIGTERM');
  await supervised.event('supervisor.stops');
  supervised.kill('SIGTERM');
  assert.deepEqual(await supervised.ended, { exitCode: 143, message: 'stopped at once by a second signal' });
  assert.equal(isAlive(pid), false);
});

test('fault 51: a host that does not stop in time is killed, and the exit code says so', TIME, async () => {
  const supervised = start({ fakeHost: 'deaf', flags: ['--drain-timeout-ms=0'] });
  await portsOf(supervised);
  supervised.kill('SIGINT');
  const { exitCode, message } = await supervised.ended;
  assert.equal(exitCode, 1);
  assert.match(message, /while stopping, the host did not stop within 4000 ms and was killed/);
});

test('fault 52: SIGTERM while the host is still starting ends both cleanly', TIME, async () => {
  const supervised = start({ fakeHost: 'slow-restart' });
  await portsOf(supervised);
  process.kill((await supervised.event('fake.ready')).pid, 'SIGKILL');
  await supervised.event('fake.up', 2);
  supervised.kill('SIGTERM');
  assert.deepEqual(await supervised.ended, { exitCode: 0, message: '' });
});

test('fault 54: with few descriptors and many idle connections a restarting host\'s clients are answered, and it comes back', TIME, async () => {
  const supervised = start({ fakeHost: 'slow-restart', flags: ['--restart-wait-ms=0'], descriptorsMax: 256 });
  const { port } = await portsOf(supervised);
  process.kill((await supervised.event('fake.ready')).pid, 'SIGKILL');
  const next = await supervised.event('fake.up', 2);
  const idle = await Promise.all(Array.from({ length: 300 }, async () => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }));
  assert.equal((await askOnce(port)).result, 503);
  for (const socket of idle) socket.destroy();
  process.kill(next.pid, 'SIGUSR2');
  await supervised.event('fake.ready', 2);
  assert.equal((await askOnce(port)).body, String(next.pid));
});

test('fault 55: the second host on one store exits with 1 and names the first', TIME, async () => {
  const first = start();
  await portsOf(first);
  const second = start({ store: first.store });
  assert.deepEqual(await second.ended, {
    exitCode: 1,
    message: `the store ${first.store} is in use by another host (process ${first.pid}); stop that one, or give this one a store of its own with --store`,
  });
});

test('fault 55: a port in use is an exit with 1 that names the port', TIME, async () => {
  const { port } = await portsOf(start());
  const { exitCode, message } = await start({ port }).ended;
  assert.equal(exitCode, 1);
  assert.match(message, new RegExp(`^cannot listen on 127\\.0\\.0\\.1 port ${port}: the port is in use by another process; .* another port with --port`));
});

test('kill -9 of the supervisor is the death of its host, also of one that hangs, and frees store and port', TIME, async () => {
  const first = start();
  const { port } = await portsOf(first);
  await askOnce(port, '/hang');
  first.kill('SIGKILL');
  const second = start({ store: first.store, port });
  const { pid } = await second.event('fake.ready');
  assert.equal((await askOnce(port)).body, String(pid));
});

test('a fatal error of a starting host is passed through and not tried again', TIME, async () => {
  assert.deepEqual(await start({ fakeHost: 'fatal' }).ended, { exitCode: 7, message: 'the fake store is corrupt' });
  const { exitCode, message } = await start({ fakeHost: 'exit' }).ended;
  assert.equal(exitCode, 3);
  assert.match(message, /the host ended with exit code 3 before it was ready for the first time/);
});
