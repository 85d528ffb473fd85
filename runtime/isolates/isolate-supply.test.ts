import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { PilotlightError } from '../errors.ts';
import type { IsolateAsk, IsolateView, VersionView } from './isolate-policy.ts';
import { IsolateSupply, type SupplyMember } from './isolate-supply.ts';

class FakeMember implements SupplyMember {
  readonly key: string;
  isolates: readonly IsolateView[] = [];
  ask: IsolateAsk | undefined;
  readonly told: string[] = [];

  constructor(key: string) {
    this.key = key;
  }

  view(): VersionView {
    return { key: this.key, function: this.key, isolates: this.isolates, starting: 0, ending: 0, ask: this.ask, phase: 'in-use' };
  }

  begin(): void {
    this.ask = undefined;
    this.told.push('begin');
  }

  refuse(error: PilotlightError): void {
    this.ask = undefined;
    this.told.push(error.code);
  }

  stopIsolate(id: number, why: 'idle' | 'room'): void {
    this.isolates = this.isolates.filter((isolate) => isolate.id !== id);
    this.told.push(`stop ${id} ${why}`);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });
const place = (nowMs: number): IsolateAsk => ({ kind: 'place', count: 1, sinceMs: nowMs, patienceMs: 1000 });
const busy: IsolateView = { id: 1, role: 'serving', inFlight: 1, lastUsedMs: 0 };

test('an ask that finds room begins in the same turn', async () => {
  const supply = new IsolateSupply({ isolateIdleMs: 0, isolatesMax: 1, clock: new ManualClock() });
  const member = new FakeMember('a');
  member.ask = place(0);
  supply.changed(member);
  await turn();
  assert.deepEqual(member.told, ['begin']);
});

test('an ask that waits is served when an isolate becomes free, though nobody tells', async () => {
  const clock = new ManualClock();
  const supply = new IsolateSupply({ isolateIdleMs: 0, isolatesMax: 1, clock });
  const [holder, asker] = [new FakeMember('holder'), new FakeMember('asker')];
  holder.isolates = [busy];
  asker.ask = place(0);
  supply.changed(holder);
  supply.changed(asker);
  await turn();
  assert.deepEqual([holder.told, asker.told], [[], []]);
  holder.isolates = [{ ...busy, inFlight: 0 }];
  clock.advance(100);
  assert.deepEqual([holder.told, asker.told], [['stop 1 room'], ['begin']]);
});

test('an ask that waits too long is refused, and nothing is looked at any more', async () => {
  const clock = new ManualClock();
  const supply = new IsolateSupply({ isolateIdleMs: 0, isolatesMax: 1, clock });
  const [holder, asker] = [new FakeMember('holder'), new FakeMember('asker')];
  holder.isolates = [busy];
  asker.ask = place(0);
  supply.changed(holder);
  supply.changed(asker);
  await turn();
  clock.advance(1100);
  assert.deepEqual(asker.told, ['OVERLOADED']);
  assert.equal(clock.pending, 0);
});

test('idle isolates are found by looking now and then, as long as any runs', async () => {
  const clock = new ManualClock();
  const supply = new IsolateSupply({ isolateIdleMs: 60_000, isolatesMax: 8, clock });
  const member = new FakeMember('a');
  member.isolates = [{ ...busy, inFlight: 0 }];
  supply.changed(member);
  await turn();
  clock.advance(59_999);
  assert.deepEqual(member.told, []);
  clock.advance(20_000);
  assert.deepEqual([member.told, clock.pending], [['stop 1 idle'], 0]);
});

test('a supply that is closed does nothing', async () => {
  const clock = new ManualClock();
  const supply = new IsolateSupply({ isolateIdleMs: 1, isolatesMax: 8, clock });
  const member = new FakeMember('a');
  member.ask = place(0);
  supply.close();
  supply.changed(member);
  await turn();
  assert.deepEqual([member.told, clock.pending], [[], 0]);
});
