import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { DeadlineWheel, WheelEntry } from './deadline-wheel.ts';

const open = (clock: ManualClock): DeadlineWheel => new DeadlineWheel({ clock, tickMs: 10, buckets: 8 });

test('an entry expires once, within a tick after its stamp and never before it', () => {
  const clock = new ManualClock();
  const wheel = open(clock);
  const expired: number[] = [];
  const startMs = clock.nowMs();
  wheel.arm(new WheelEntry(() => expired.push(clock.nowMs() - startMs)), startMs + 25);
  for (let step = 0; step < 100; step += 1) clock.advance(1);
  assert.equal(expired.length, 1);
  assert.ok((expired[0] ?? 0) >= 25 && (expired[0] ?? 0) <= 36, `expired at ${expired[0]}`);
});

test('a disarmed entry does not expire, and disarming twice is harmless', () => {
  const clock = new ManualClock();
  const wheel = open(clock);
  const entry = new WheelEntry(() => assert.fail('it was disarmed'));
  wheel.arm(entry, clock.nowMs() + 20);
  wheel.disarm(entry);
  wheel.disarm(entry);
  clock.advance(200);
});

test('an entry further away than all buckets waits for its round', () => {
  const clock = new ManualClock();
  const wheel = open(clock);
  let count = 0;
  wheel.arm(new WheelEntry(() => { count += 1; }), clock.nowMs() + 205);
  clock.advance(200);
  assert.equal(count, 0);
  clock.advance(20);
  assert.equal(count, 1);
});

test('arming again moves the entry', () => {
  const clock = new ManualClock();
  const wheel = open(clock);
  let count = 0;
  const entry = new WheelEntry(() => { count += 1; });
  wheel.arm(entry, clock.nowMs() + 20);
  wheel.arm(entry, clock.nowMs() + 60);
  clock.advance(50);
  assert.equal(count, 0);
  clock.advance(30);
  assert.equal(count, 1);
});

test('entries that came due while the thread stood still expire at the next tick', () => {
  let nowMs = 0;
  let tick: () => void = () => undefined;
  const wheel = new DeadlineWheel({
    clock: { nowMs: () => nowMs, after: (_delayMs, work) => { tick = work; return { cancel: () => undefined }; } }, tickMs: 10, buckets: 8,
  });
  const expired: string[] = [];
  for (const [name, atMs] of [['a', 5], ['b', 35], ['c', 75], ['later', 5000]] as const) wheel.arm(new WheelEntry(() => expired.push(name)), atMs);
  nowMs = 1000;
  tick();
  assert.deepEqual(expired.sort(), ['a', 'b', 'c']);
});

test('an entry may arm itself and disarm its neighbours while it expires', () => {
  const clock = new ManualClock();
  const wheel = open(clock);
  const expired: string[] = [];
  const second = new WheelEntry(() => expired.push('second'));
  const first = new WheelEntry(() => {
    expired.push('first');
    wheel.disarm(second);
    if (expired.length === 1) wheel.arm(first, clock.nowMs() + 20);
  });
  wheel.arm(first, clock.nowMs() + 15);
  wheel.arm(second, clock.nowMs() + 15);
  clock.advance(100);
  assert.deepEqual(expired, ['first', 'first']);
});

test('an empty or closed wheel keeps no timer', () => {
  const clock = new ManualClock();
  const wheel = open(clock);
  wheel.arm(new WheelEntry(() => undefined), clock.nowMs() + 5);
  clock.advance(100);
  assert.equal(clock.pending, 0);
  wheel.arm(new WheelEntry(() => assert.fail('the wheel was closed')), clock.nowMs() + 5);
  wheel.close();
  assert.equal(clock.pending, 0);
});
