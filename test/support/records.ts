// Records with sensible values, for tests that care for a few fields only.
import type { LoadRecord, RequestRecord, RunRecord } from '../../runtime/records.ts';

export function requestRecord(fields: Partial<RequestRecord> = {}): RequestRecord {
  return {
    requestId: 'r1', method: 'POST', route: '/digits', path: '/digits', status: 200, function: 'digits', version: 'a'.repeat(64), start: 'warm',
    traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: false, arrivedMs: 1000, dispatchedMs: 1000.1, handlerStartMs: 1000.2, handlerEndMs: 1003,
    endedMs: 1003.5, runs: [], spans: [], requestBytes: 10, responseBytes: 20, golden: false, ...fields,
  };
}

export function runRecord(fields: Partial<RunRecord> = {}): RunRecord {
  return { binding: 'DIGITS', pool: 'p', start: 'warm', acquireMs: 1000.5, submittedMs: 1000.5, startedMs: 1001, endedMs: 1002, ...fields };
}

export function loadRecord(fields: Partial<LoadRecord> = {}): LoadRecord {
  return {
    loadId: '3'.repeat(16), pool: 'p', reason: 'request', function: 'digits', binding: 'DIGITS', startMs: 1000.5, endMs: 1040,
    steps: [{ name: 'create', startMs: 1001, endMs: 1030 }], warm: [{ slot: 0, shape: 'image:1x1x28x28', startMs: 1031, endMs: 1035 }], joined: 0, evicted: [], ...fields,
  };
}
