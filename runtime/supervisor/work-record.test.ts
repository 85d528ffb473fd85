import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { blamedFor, decodeWork, WorkRecord } from './work-record.ts';

const words = (failed: number, ...places: readonly number[]): Uint32Array =>
  Uint32Array.from([1, failed, ...Array.from({ length: 14 }, () => 0), ...places.flatMap((pool) => [77, pool, ...Array.from({ length: 14 }, () => 0)])]);

test('words are the pool of the fault and those at work', () => {
  assert.deepEqual(decodeWork(words(0)), { failed: undefined, busy: [] });
  assert.deepEqual(decodeWork(words(1, 0, 4, 1, 4)), { failed: 0, busy: [3, 0] });
  assert.deepEqual(decodeWork(new Uint32Array(32)), { failed: undefined, busy: [] }, 'of a host that died before it wrote');
  assert.deepEqual(decodeWork(new Uint32Array()), { failed: undefined, busy: [] });
});

test('who is blamed is as exact as can be', () => {
  const claims = new Map([['a@1', [0]], ['b@1', [1]], ['b@2', [2, 1]], ['c@1', [1]]]);
  const quiet = { running: [], preparing: [] };
  const table = [
    { work: { failed: undefined, busy: [] }, activity: { running: ['a@1'], preparing: [] }, then: [] },
    { work: { failed: 0, busy: [0, 1] }, activity: quiet, then: ['a@1'] },
    { work: { failed: undefined, busy: [0, 1] }, activity: quiet, then: ['a@1', 'b@1', 'b@2', 'c@1'] },
    { work: { failed: 1, busy: [1] }, activity: { running: ['a@1', 'c@1'], preparing: ['b@2'] }, then: ['b@2', 'c@1'] },
    { work: { failed: 1, busy: [1] }, activity: { running: ['a@1'], preparing: [] }, then: ['b@1', 'b@2', 'c@1'] },
    { work: { failed: 9, busy: [9] }, activity: quiet, then: [] },
  ];
  for (const { work, activity, then } of table) assert.deepEqual(blamedFor(work, claims, activity), then, JSON.stringify({ work, activity }));
});

test('a record is read once, and empty for the next host', () => {
  const record = WorkRecord.create(['/nowhere', tmpdir()]);
  assert.ok(record !== undefined);
  writeSync(record.descriptor, new Uint8Array(words(3, 3).buffer), 0, undefined, 0);
  assert.deepEqual(record.take(), { failed: 2, busy: [2] });
  assert.deepEqual(record.take(), { failed: undefined, busy: [] });
  writeSync(record.descriptor, new Uint8Array(words(3, 3).buffer), 0, undefined, 0);
  record.close();
  assert.deepEqual(record.take(), { failed: undefined, busy: [] }, 'a host may die after its supervisor has let go of everything');
  assert.equal(WorkRecord.create(['/nowhere']), undefined);
});
