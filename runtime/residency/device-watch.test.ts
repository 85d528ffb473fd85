import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LostDevice } from '../engine/port.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { watchDevices } from './device-watch.ts';

test('fault 35: a lost device is told once, and the process is given up when the answers are out', () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const lost: LostDevice[] = [];
  watchDevices({ clock, lost: () => lost, onLost: ({ device }) => told.push(`lost ${device}`), giveUp: (reason) => told.push(reason) });
  clock.advance(1000);
  assert.deepEqual(told, []);
  lost.push({ device: 'gpu:1', reason: 'an illegal address' }, { device: 'gpu:0', reason: 'too' });
  clock.advance(200);
  assert.deepEqual(told, ['lost gpu:1']);
  clock.advance(2000);
  assert.deepEqual(told, ['lost gpu:1', 'lost the device gpu:1 (an illegal address)']);
});
