import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadRecord, requestRecord, runRecord } from '../../test/support/records.ts';
import { explainRequest } from './explain-request.ts';

describe('why', () => {
  test('a joined request tells whose load it waited for, and whom that pushed out', () => {
    const evicted = [{ pool: 'q', function: 'other', binding: 'M', reason: 'room', for: 'digits', bytes: 8 * 2 ** 20, idleMs: 40_000, startMs: 1000, endMs: 1001 } as const];
    const load = loadRecord({ loadId: 'load', evicted });
    const run = runRecord({ start: 'joined', loadId: 'load', acquireMs: 1000, submittedMs: 1812, startedMs: 1812, endedMs: 1815 });
    const lines = explainRequest(requestRecord({ start: 'joined', runs: [run] }), [load]).slice(1);
    assert.deepEqual(lines.slice(0, 4), [
      'waited 812 ms: joined the load of digits\'s model DIGITS',
      'the load took 40 ms: create 29 ms, warm 4.0 ms',
      'the load evicted other\'s model M (8.0 MiB), which was idle for 40.0 s',
      'ran DIGITS for 3.0 ms',
    ]);
  });

  test('a warm request tells of its wait for a slot, its run and its handler, and of nothing else', () => {
    const run = runRecord({ submittedMs: 1000, startedMs: 1005, endedMs: 1008 });
    const lines = explainRequest(requestRecord({ start: 'warm', runs: [run], handlerStartMs: 999, handlerEndMs: 1010 }), []).slice(1);
    assert.deepEqual(lines, ['waited for a slot of DIGITS for 5.0 ms', 'ran DIGITS for 3.0 ms', 'its handler took 11 ms in all']);
  });

  test('a request that came between two versions tells that it waited for the next one', () => {
    const wait = { start: 'joined', for: 'rollout', fromMs: 1000, untilMs: 1400 } as const;
    assert.equal(explainRequest(requestRecord({ wait }), [])[1], 'waited 400 ms for a rollout of its function, whose versions have no room side by side');
  });

  test('a failed run tells its code, and so does the head', () => {
    const run = runRecord({ errorCode: 'QUEUE_TIMEOUT', submittedMs: 1000, startedMs: 1050, endedMs: 1050 });
    const lines = explainRequest(requestRecord({ status: 503, errorCode: 'QUEUE_TIMEOUT', runs: [run] }), []);
    assert.match(lines[0] ?? '', /answered 503 QUEUE_TIMEOUT after/);
    assert.ok(lines.includes('DIGITS ended with QUEUE_TIMEOUT'));
  });

  test('a run on a variant tells which it was and why not the others', () => {
    const variant = { binding: 'DIGITS', path: 'digits.onnx', passed: [{ path: 'sm90.engine', reason: 'backend tensorrt is not available on this host' }] };
    assert.deepEqual(explainRequest(requestRecord({ runs: [runRecord()] }), [], [variant]).slice(-2), [
      'DIGITS ran on its variant digits.onnx', 'not on sm90.engine: backend tensorrt is not available on this host',
    ]);
  });
});
