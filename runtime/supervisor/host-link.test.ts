import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { readConfig } from '../config.ts';
import { HostLink } from './host-link.ts';
import type { HostChannel } from './host-link.ts';
import type { FromHost, ToHost } from './messages.ts';

class FakeChannel extends EventEmitter implements HostChannel {
  readonly sent: FromHost[] = [];
  readonly exits: number[] = [];
  readonly send = (message: FromHost, sent: () => void): void => {
    this.sent.push(message);
    sent();
  };
  exit(code: number): void {
    this.exits.push(code);
  }
  disconnect(): void {
    this.emit('disconnect');
  }
  tell(message: ToHost): void {
    this.emit('message', message);
  }
  types(): string[] {
    return this.sent.map(({ type }) => type);
  }
}

const START: ToHost = {
  type: 'start',
  config: readConfig({ env: {}, folder: '/nowhere', flags: { drainTimeoutMs: '5000' } }).config,
  descriptors: { ingress: [4, 5], admin: 6, backlog: 9, host: 'h', port: 1, adminHost: 'h', adminPort: 2 },
  supervisorPid: 77,
  deathsInRow: 0,
};

async function link() {
  const channel = new FakeChannel();
  const clock = new ManualClock();
  const parents: number[] = [];
  const connecting = HostLink.connect({ channel, clock, dieWithParent: (pid) => parents.push(pid) });
  channel.tell(START);
  return { channel, clock, parents, host: await connecting };
}

test('the link has what the supervisor sent, beats at once and then every second until it is closed', async () => {
  const { channel, clock, parents, host } = await link();
  assert.deepEqual([host.descriptors.ingress, host.config.drainTimeoutMs, parents], [[4, 5], 5000, [77]]);
  clock.advance(3000);
  assert.deepEqual(channel.types(), ['beat', 'beat', 'beat', 'beat']);
  host.close();
  host.close();
  clock.advance(3000);
  assert.equal(channel.sent.length, 4);
  assert.deepEqual(channel.exits, []);
});

test('a claim resolves only when it is granted', async () => {
  const { channel, host } = await link();
  let granted = false;
  const claim = host.claim().then(() => (granted = true));
  await Promise.resolve();
  assert.equal(granted, false);
  channel.tell({ type: 'granted' });
  await claim;
  assert.deepEqual(channel.types(), ['beat', 'claim']);
});

test('a stop is told once, by message or signal, also to a listener that comes later', async () => {
  const { channel, host } = await link();
  const stops: number[] = [];
  channel.emit('SIGTERM');
  host.onStop((drainTimeoutMs) => stops.push(drainTimeoutMs));
  channel.emit('SIGINT');
  channel.tell({ type: 'stop' });
  assert.deepEqual(stops, [5000]);
});

test('fault 52: a host that is stopped while it starts is never granted the sockets', async () => {
  const { channel, host } = await link();
  const claim = host.claim();
  channel.tell({ type: 'stop' });
  await assert.rejects(claim, { code: 'DRAINING' });
  const refusal = await host.claim().catch((error: unknown) => error);
  host.fatal(refusal);
  assert.deepEqual([channel.exits, channel.types()], [[0], ['beat', 'claim']]);
});

test('a stop right behind the start is not lost', async () => {
  const channel = new FakeChannel();
  const connecting = HostLink.connect({ channel, clock: new ManualClock(), dieWithParent: () => {} });
  channel.tell(START);
  channel.tell({ type: 'stop' });
  const host = await connecting;
  const stops: number[] = [];
  host.onStop((drainTimeoutMs) => stops.push(drainTimeoutMs));
  assert.deepEqual(stops, [5000]);
});

test('a fatal error is told before the process ends with its code', async () => {
  const { channel, host } = await link();
  host.fatal(new Error('the store is corrupt'), 7);
  assert.deepEqual(channel.sent.at(-1), { type: 'fatal', message: 'the store is corrupt', exitCode: 7 });
  assert.deepEqual(channel.exits, [7]);
});

test('the host ends when its supervisor is gone, even before it was told what to do', () => {
  const channel = new FakeChannel();
  void HostLink.connect({ channel, clock: new ManualClock(), dieWithParent: () => {} });
  channel.emit('disconnect');
  assert.deepEqual(channel.exits, [1]);
});

test('without a supervisor, or with one that says nothing, connecting fails', async () => {
  await assert.rejects(HostLink.connect({ channel: { send: undefined, on: () => {}, exit: () => {} } }), /started by `pilotlight serve`/);
  const clock = new ManualClock();
  const connecting = HostLink.connect({ channel: new FakeChannel(), clock, dieWithParent: () => {} });
  clock.advance(10_000);
  await assert.rejects(connecting, /said nothing for 10000 ms/);
});
