import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinHeaders } from '../isolates/header-lines.ts';
import type { RunRecord } from '../records.ts';
import { coldestStart, readHandlerHeaders, serverTiming } from './answer-headers.ts';

const run = (start: RunRecord['start'], stamps: readonly [number, number, number, number]): RunRecord => ({
  binding: 'DIGITS', pool: 'p', start, acquireMs: stamps[0], submittedMs: stamps[1], startedMs: stamps[2], endedMs: stamps[3],
});

test("headers that frame the connection or belong to the host are not the handler's to set", () => {
  const lines = joinHeaders(['connection', 'close', 'transfer-encoding', 'chunked', 'content-length', '7', 'pilotlight-start', 'warm', 'x-own', '1', 'set-cookie', 'a', 'set-cookie', 'b']);
  assert.deepEqual(readHandlerHeaders(lines), { flat: ['x-own', '1', 'set-cookie', 'a', 'set-cookie', 'b'], contentLength: 7 });
  assert.equal(readHandlerHeaders(joinHeaders(['content-length', '-1'])).contentLength, undefined);
  assert.deepEqual(readHandlerHeaders('').flat, []);
});

test('Server-Timing sums the runs and rounds to microseconds', () => {
  const times = { startMs: 0, endMs: 12.34567, details: undefined };
  assert.equal(serverTiming(times, []), 'acquire;dur=0, queue;dur=0, execute;dur=0, handler;dur=12.346');
  assert.equal(
    serverTiming(times, [run('warm', [1, 1, 2, 4]), run('cold', [4, 6, 6.5, 7])]),
    'acquire;dur=2, queue;dur=1.5, execute;dur=2.5, handler;dur=12.346',
  );
});

test('the coldest start wins', () => {
  assert.equal(coldestStart('warm', []), 'warm');
  assert.equal(coldestStart('joined', [run('warm', [0, 0, 0, 0])]), 'joined');
  assert.equal(coldestStart('warm', [run('joined', [0, 0, 0, 0]), run('cold', [0, 0, 0, 0]), run('warm', [0, 0, 0, 0])]), 'cold');
});
