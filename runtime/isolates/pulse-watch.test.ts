import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { PulseWatch } from './pulse-watch.ts';

const watch = () => {
  const state = { clock: new ManualClock(), pulse: new Int32Array(new SharedArrayBuffer(4)), residentBytes: 1000 as number | undefined, hoarding: [] as number[] };
  const watched = new PulseWatch({
    pulse: state.pulse, limitBytes: 100, patience: { silentLooks: 2, growthLimits: 2, growthBytesMin: 150 }, clock: state.clock,
    residentBytes: () => state.residentBytes, onHoarding: (bytes) => state.hoarding.push(bytes),
  });
  return Object.assign(state, { watched });
};

test('a silent isolate is blamed once when the process has grown by twice its limit', () => {
  const state = watch();
  state.residentBytes = 1200;
  state.clock.advance(1000);
  assert.deepEqual(state.hoarding, []);
  state.residentBytes = 1201;
  state.clock.advance(1000);
  assert.deepEqual(state.hoarding, [201]);
  assert.equal(state.clock.pending, 0);
});

test('growth while the pulse beats, or before it stopped, is not blamed on it', () => {
  const state = watch();
  for (let turn = 0; turn < 10; turn += 1) {
    state.residentBytes = 1500 + 500 * turn;
    Atomics.add(state.pulse, 0, 1);
    state.clock.advance(250);
  }
  state.clock.advance(5000);
  assert.deepEqual(state.hoarding, []);
});

test('fault 54: where the size of the process cannot be read nobody is blamed, and it is read again', () => {
  const state = watch();
  state.residentBytes = undefined;
  state.clock.advance(2000);
  state.residentBytes = 1200;
  state.clock.advance(1000);
  assert.deepEqual(state.hoarding, []);
  state.residentBytes = 1201;
  state.clock.advance(1000);
  assert.deepEqual(state.hoarding, [201]);
});

test('a small limit does not make a small growth suspicious', () => {
  const pulse = new Int32Array(new SharedArrayBuffer(4));
  const clock = new ManualClock();
  const bytes = { resident: 0 };
  const hoarding: number[] = [];
  const watched = new PulseWatch({
    pulse, limitBytes: 10, patience: { silentLooks: 2, growthLimits: 2, growthBytesMin: 150 }, clock,
    residentBytes: () => bytes.resident, onHoarding: (grown) => hoarding.push(grown),
  });
  bytes.resident = 150;
  clock.advance(2000);
  assert.deepEqual(hoarding, []);
  watched.close();
});

test('a closed watch keeps no timer', () => {
  const state = watch();
  state.watched.close();
  assert.equal(state.clock.pending, 0);
});
