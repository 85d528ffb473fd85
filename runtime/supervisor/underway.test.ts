import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { Activity } from './messages.ts';
import { Underway } from './underway.ts';

function listen() {
  const clock = new ManualClock();
  const told: Activity[] = [];
  return { clock, told, underway: new Underway({ clock, tell: (activity) => told.push(activity) }) };
}

test('a preparation is told before it begins and when it has ended, the latest last', () => {
  const { told, underway } = listen();
  const first = underway.prepare(['digits@1']);
  assert.deepEqual(told.at(-1), { running: [], preparing: ['digits@1'] });
  const second = underway.prepare(['ocr@2', 'digits@1']);
  assert.deepEqual(told.at(-1)?.preparing, ['digits@1', 'ocr@2']);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.deepEqual(told.at(-1)?.preparing, ['ocr@2', 'digits@1']);
  second[Symbol.dispose]();
  assert.deepEqual(told.at(-1), { running: [], preparing: [] });
});

test('what ran a moment ago counts as running, and news only are told', () => {
  const { clock, told, underway } = listen();
  underway.see(['digits@1']);
  underway.see(['digits@1', 'ocr@2']);
  underway.see([]);
  assert.deepEqual(told.map(({ running }) => running), [['digits@1'], ['digits@1', 'ocr@2']]);
  clock.advance(1500);
  underway.see(['digits@1']);
  clock.advance(1000);
  underway.see([]);
  assert.deepEqual(told.at(-1)?.running, ['digits@1']);
  assert.equal(told.length, 3);
});
