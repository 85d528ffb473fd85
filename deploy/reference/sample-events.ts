// One event of each kind that metrics are made of, cold and failed, so that every label shows.
import { NO_BYTES } from '../../runtime/engine/pool-memory.ts';
import type { EvictionRecord, IsolateRecord, LoadRecord, RepairRecord, RequestRecord, RolloutRecord } from '../../runtime/records.ts';
import type { DeviceLedger } from '../../runtime/telemetry/device-metrics.ts';
import type { NamedPoolStats } from '../../runtime/telemetry/pool-metrics.ts';

const cold: RequestRecord = {
  requestId: 'sample', method: 'POST', route: 'POST /digits', path: '/digits', status: 200, function: 'digits', version: 'sample',
  start: 'cold', traceId: '', spanId: '', sampled: false, arrivedMs: 0, dispatchedMs: 0, handlerStartMs: 0, handlerEndMs: 1, endedMs: 1,
  runs: [], spans: [], requestBytes: 0, responseBytes: 0, golden: false,
};

export const SAMPLE_REQUESTS: readonly RequestRecord[] = [
  cold, { ...cold, status: 500, errorCode: 'HANDLER_FAILED' }, { ...cold, status: 504, errorCode: 'DEADLINE' },
];

const load: LoadRecord = {
  loadId: 'sample', pool: 'sample', reason: 'deploy', function: 'digits', binding: 'DIGITS', startMs: 0, endMs: 1, joined: 0, evicted: [],
  steps: [{ name: 'read', startMs: 0, endMs: 1 }], warm: [{ slot: 0, shape: '', startMs: 0, endMs: 1 }],
};

export const SAMPLE_LOADS: readonly LoadRecord[] = [load, { ...load, errorCode: 'BAD_MODEL' }];

export const SAMPLE_EVICTION: EvictionRecord = { pool: 'sample', function: 'digits', binding: 'DIGITS', reason: 'room', bytes: 1, idleMs: 1, startMs: 1, endMs: 1 };

export const SAMPLE_REPAIR: RepairRecord = {
  repairId: 'sample', pool: 'sample', function: 'digits', binding: 'DIGITS', reason: 'failed', fault: '', checks: [], outcome: 'rebuilt', startMs: 0, endMs: 1,
};

export const SAMPLE_DEVICE: DeviceLedger = { device: 'cpu', reservedBytes: 0, freeBytes: 1, driftBytes: 0, thrashing: false };

export const SAMPLE_ISOLATE: IsolateRecord = {
  startId: '0', function: 'digits', version: 'sample', startMs: 0, endMs: 1, reason: 'replace', errorCode: 'BAD_HANDLER',
};

export const SAMPLE_ROLLOUT: RolloutRecord = {
  rolloutId: 'sample', kind: 'deploy', function: 'digits', startMs: 0, endMs: 1, steps: [], errorCode: 'WARMUP_FAILED',
};

export const SAMPLE_POOL: NamedPoolStats = {
  function: 'digits', binding: 'DIGITS', device: 'cpu',
  stats: {
    key: 'sample', slots: 1, busy: 0, waiting: 0, hits: 0, misses: 0, queueFull: 0, queueTimeouts: 0, failures: 0,
    queueMs: 0, runMs: 0, runs: 0, lastUsedMs: 0, memory: NO_BYTES,
  },
};
