// What happened, as plain data: the news that ingress threads, isolates, residency and rollouts tell
// telemetry after the event. All stamps are milliseconds on the shared monotonic clock.
import type { ErrorCode } from './errors.ts';
import type { LoadStep } from './engine/port.ts';

/** The coldest thing that happened to a request: an isolate start or a load of its own, a wait for somebody else's, neither. */
export type Start = 'warm' | 'cold' | 'joined';

/** One model run (or wait for a pool) inside a request. */
export interface RunRecord {
  readonly binding: string;
  readonly pool: string;
  readonly start: Start;
  /** `acquire` begins; equals `submittedMs` when the pool was resident. */
  readonly acquireMs: number;
  readonly submittedMs: number;
  /** Equals `endedMs` when nothing ran: a wait for a lease, a preload, a refusal. */
  readonly startedMs: number;
  readonly endedMs: number;
  /** Id of the load that this run started or waited for. */
  readonly loadId?: string;
  readonly errorCode?: ErrorCode;
}

/** A span that a handler made with `context.span`. */
export interface HandlerSpan {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly failed: boolean;
}

/** One request, told when it has ended. */
export interface RequestRecord {
  readonly requestId: string;
  readonly method: string;
  /** Route pattern, bounded by manifests; undefined when none matched. */
  readonly route?: string;
  readonly path: string;
  readonly status: number;
  readonly errorCode?: ErrorCode;
  readonly function?: string;
  readonly version?: string;
  readonly start: Start;
  /** The caller's W3C headers, as sent and valid. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** Given to the request when it arrived; spans and handlers use them. */
  readonly traceId: string;
  readonly spanId: string;
  /** Head decision for a warm request; cold, failed and slow ones are kept anyway. */
  readonly sampled: boolean;
  readonly arrivedMs: number;
  /** Absent when an isolate was there. */
  readonly wait?: IsolateWait;
  /** Handed to the isolate; handler entered; handler's answer ready; last byte handed to the socket. */
  readonly dispatchedMs?: number;
  readonly handlerStartMs?: number;
  readonly handlerEndMs?: number;
  readonly endedMs: number;
  readonly runs: readonly RunRecord[];
  readonly spans: readonly HandlerSpan[];
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** true for golden requests. */
  readonly golden: boolean;
}

/** One run of a warm-up. */
export interface WarmRecord {
  readonly slot: number;
  /** For example `image:1x1x28x28`. */
  readonly shape: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** One pool that was given up. */
export interface EvictionRecord {
  readonly pool: string;
  readonly function: string;
  readonly binding: string;
  /** `rollout`: its version made room for the one that replaces it, or the other way round where that failed. */
  readonly reason: 'room' | 'idle' | 'rollout';
  /** Whose load needed the room, for people. */
  readonly for?: string;
  readonly bytes: number;
  /** Since its last use. */
  readonly idleMs: number;
  /** From its closing to jobs until its bytes were back. */
  readonly startMs: number;
  readonly endMs: number;
}

/** One load of a pool, from the ask to open (or failed). */
export interface LoadRecord {
  readonly loadId: string;
  readonly pool: string;
  readonly reason: 'deploy' | 'request' | 'restart' | 'repair';
  /** Function and binding that asked first. */
  readonly function: string;
  readonly binding: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly steps: readonly LoadStep[];
  readonly warm: readonly WarmRecord[];
  readonly joined: number;
  /** Given up to make room for it. */
  readonly evicted: readonly EvictionRecord[];
  readonly errorCode?: ErrorCode;
  readonly errorMessage?: string;
}

/** `failed`: the run gave an error. `wrong`: its answer was. `late`: it had not ended in its time. */
export type RepairReason = 'failed' | 'wrong' | 'late';

/** One light run by which a resident pool was tried. */
export interface CheckRun {
  readonly slot: number;
  readonly startMs: number;
  readonly endMs: number;
  /** In one sentence; absent when nothing was wrong. */
  readonly fault?: string;
}

/** A resident pool that failed a check, and what came of it. */
export interface RepairRecord {
  readonly repairId: string;
  readonly pool: string;
  readonly function: string;
  readonly binding: string;
  /** Of the first check that failed. */
  readonly reason: RepairReason;
  readonly fault: string;
  readonly checks: readonly CheckRun[];
  /** `passed`: the second try went well. `rebuilt`: unloaded and loaded again. `failed`: it could not be loaded again. `held`: it could not be unloaded. */
  readonly outcome: 'passed' | 'rebuilt' | 'failed' | 'held';
  readonly startMs: number;
  readonly endMs: number;
  readonly load?: LoadRecord;
  readonly errorMessage?: string;
}

/** A request's wait for an isolate that was not there. */
export interface IsolateWait {
  /** `cold`: the start was made for it. */
  readonly start: 'cold' | 'joined';
  /** `rollout`: it came while its function was between two versions, and waited for that first. */
  readonly for?: 'rollout';
  readonly fromMs: number;
  /** Until it was handed to the isolate or refused. */
  readonly untilMs: number;
  /** The start that ended the wait, unless it failed or the request left before. */
  readonly startId?: string;
  readonly startMs?: number;
  readonly readyMs?: number;
}

/** One isolate start. */
export interface IsolateRecord {
  readonly startId: string;
  readonly function: string;
  readonly version: string;
  readonly startMs: number;
  readonly endMs: number;
  /** `request`: none was there, or all were busy. */
  readonly reason: 'deploy' | 'replace' | 'restart' | 'request';
  readonly errorCode?: ErrorCode;
}

/** One deploy, rollback, delete or change of shares. */
export interface RolloutRecord {
  readonly rolloutId: string;
  readonly kind: 'deploy' | 'rollback' | 'split' | 'promote' | 'abort' | 'delete' | 'restore';
  readonly function: string;
  readonly version?: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly steps: readonly { readonly name: string; readonly startMs: number; readonly endMs: number }[];
  /** Of versions that had no room side by side: how long callers waited at most. */
  readonly gapMs?: number;
  readonly errorCode?: ErrorCode;
  readonly errorMessage?: string;
}

/** Which of a model's variants was taken for this host, and why none of the others. */
export interface TakenVariant {
  /** The file in the bundle. */
  readonly path: string;
  readonly passed: readonly PassedVariant[];
}

/** What a run of a request ran on, of a model with variants. */
export interface RunVariant extends TakenVariant {
  readonly binding: string;
}

export interface PassedVariant {
  readonly path: string;
  readonly reason: string;
}
