import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { readConfig } from '../config.ts';
import type { HostListener } from './host-process.ts';
import type { ToHost } from './messages.ts';
import { Supervisor } from './supervisor.ts';
import type { Work } from './work-record.ts';

const DESCRIPTORS = { ingress: [4], admin: 5, backlog: 1, host: 'h', port: 1, adminHost: 'h', adminPort: 2 };

/** A supervisor whose hosts are scripted by the test; `trace` tells in order what it did. */
function supervise(takeWork: () => Work = () => ({ failed: undefined, busy: [] })) {
  const clock = new ManualClock();
  const trace: string[] = [];
  const hosts: { listener: HostListener; sent: ToHost[] }[] = [];
  const supervisor = new Supervisor({
    clock,
    takeWork,
    limits: { restartWaitMs: 3000, silentTicksMax: 10, startTicks: 20, stopMs: 29_000, stableMs: 60_000, retryFirstMs: 250, retryMaxMs: 30_000 },
    log: (_level, event) => trace.push(event),
    launch: (listener) => {
      const host = { listener, sent: [] as ToHost[] };
      hosts.push(host);
      trace.push('launch');
      return {
        pid: 100 + hosts.length,
        send: (message) => {
          host.sent.push(message);
          if (message.type !== 'start') trace.push(message.type);
        },
        kill: () => trace.push('kill'),
      };
    },
    start: { config: readConfig({ env: {}, folder: '/nowhere' }).config, descriptors: DESCRIPTORS, supervisorPid: 1 },
    answerer: {
      open: (scope) => trace.push(`answer ${scope}`),
      close: () => trace.push('silent'),
      finish: async () => void trace.push('finish'),
    },
  });
  const host = () => {
    const last = hosts.at(-1);
    assert.ok(last);
    return last;
  };
  const serve = (): void => {
    host().listener.message({ type: 'claim' });
    host().listener.message({ type: 'ready' });
  };
  const crash = (): void => host().listener.died({ cause: 'was killed by SIGSEGV', exitCode: null, by: 'fault' });
  return { clock, trace, host, serve, crash, supervisor, hosts };
}

test('the first host is told its settings and descriptors', () => {
  const { host } = supervise();
  const [start] = host().sent;
  assert.ok(start?.type === 'start');
  assert.deepEqual([start.descriptors, start.deathsInRow, start.lastDeath], [DESCRIPTORS, 0, undefined]);
});

test('the host after a crash is told why, and what was running', async () => {
  let work: Work = { failed: undefined, busy: [] };
  const { host, serve, crash, supervisor } = supervise(() => work);
  serve();
  await supervisor.ready;
  host().listener.message({ type: 'activity', running: ['digits@1'], preparing: ['ocr@2'] });
  for (const label of ['ocr@2', 'ocr@1']) host().listener.message({ type: 'claims', label, pools: [4] });
  host().listener.message({ type: 'claims', label: 'ocr@1', pools: [] });
  work = { failed: 4, busy: [4, 5] };
  crash();
  const [start] = host().sent;
  assert.ok(start?.type === 'start');
  assert.deepEqual([start.deathsInRow, start.lastDeath], [1, { cause: 'was killed by SIGSEGV', by: 'fault', blamed: ['ocr@2'], running: ['digits@1'], preparing: ['ocr@2'] }]);
});

test('a host that the supervisor kills did not die of a fault of its code, whatever the signal', () => {
  const { host, serve, crash } = supervise();
  serve();
  host().listener.message({ type: 'giveUp', reason: 'lost gpu:0' });
  crash();
  const [start] = host().sent;
  assert.ok(start?.type === 'start');
  assert.deepEqual(start.lastDeath, { cause: 'lost gpu:0', by: 'other', blamed: [], running: [], preparing: [] });
});

test('connections wait for a restart of less than 3 s and are answered in a longer one, until the next host claims them', () => {
  const { clock, trace, host, serve, crash } = supervise();
  serve();
  trace.length = 0;
  crash();
  clock.advance(2999);
  assert.deepEqual(trace, ['host.died', 'launch']);
  host().listener.message({ type: 'beat' });
  clock.advance(1);
  host().listener.message({ type: 'claim' });
  assert.deepEqual(trace.slice(2).filter((entry) => entry !== 'supervisor.answers'), ['answer all', 'answer all', 'silent', 'granted']);
});

test('a host that beats every second lives; one that is silent for 10 s is killed once', () => {
  const { clock, trace, host, serve } = supervise();
  serve();
  for (let second = 0; second < 60; second += 1) {
    host().listener.message({ type: 'beat' });
    clock.advance(1000);
  }
  assert.ok(!trace.includes('kill'));
  clock.advance(30_000);
  assert.equal(trace.filter((entry) => entry === 'kill').length, 1);
});

test('a crash loop backs off, and its clients are told when to come again', () => {
  const { clock, hosts, serve, crash, supervisor } = supervise();
  serve();
  for (let death = 0; death < 5; death += 1) {
    crash();
    clock.advance(1999);
  }
  assert.equal(hosts.length, 5);
  assert.equal(supervisor.retryAfterS(), 2);
  clock.advance(1);
  assert.equal(hosts.length, 6);
});

test('a stop tells the host, and ends when it has ended, with nothing left to do', async () => {
  const { clock, trace, host, serve, supervisor } = supervise();
  serve();
  supervisor.stop(15);
  host().listener.message({ type: 'released' });
  host().listener.died({ cause: 'ended with exit code 0', exitCode: 0, by: 'other' });
  assert.deepEqual(await supervisor.ended, { exitCode: 0 });
  assert.deepEqual(trace.slice(-4), ['stop', 'supervisor.stops', 'answer functions', 'finish']);
  assert.equal(clock.pending, 0);
});

test('a host that does not stop in time is killed, and the end says so', async () => {
  const { clock, trace, host, serve, supervisor } = supervise();
  serve();
  supervisor.stop(15);
  for (let second = 0; second < 29; second += 1) {
    host().listener.message({ type: 'beat' });
    clock.advance(1000);
  }
  assert.equal(trace.at(-1), 'kill');
  host().listener.died({ cause: 'was killed by SIGKILL', exitCode: null, by: 'other' });
  const { exitCode, message } = await supervisor.ended;
  assert.equal(exitCode, 1);
  assert.match(message ?? '', /did not stop within 29000 ms/);
});

test('fault 51: the second signal ends all at once', async () => {
  const { trace, serve, supervisor } = supervise();
  serve();
  supervisor.stop(2);
  supervisor.stop(2);
  assert.equal((await supervisor.ended).exitCode, 130);
  assert.deepEqual(trace.slice(-2), ['kill', 'silent']);
});
