// What has happened to a request so far, for its headers while it runs and for its record when it has ended.
import { monotonicMs } from '../clock.ts';
import type { ErrorCode } from '../errors.ts';
import type { HandlerDetails, HandlerTimes } from '../isolates/protocol.ts';
import type { StartNote } from '../isolates/version-isolates.ts';
import type { HandlerSpan, IsolateWait, RequestRecord, RunRecord, Start } from '../records.ts';
import { coldestStart, serverTiming } from './answer-headers.ts';
import type { TraceContext } from './trace-context.ts';

const NO_RUNS: readonly RunRecord[] = [];
const NO_SPANS: readonly HandlerSpan[] = [];

/** Who asked for what; known on arrival. */
export interface Arrival {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly trace: TraceContext;
  readonly arrivedMs: number;
}

/** How it ended. */
export interface Ending {
  readonly status: number;
  readonly errorCode: ErrorCode | undefined;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly golden: boolean;
}

export class Trail {
  readonly #arrival: Arrival;
  #route: { readonly route: string; readonly function: string; readonly version: string } | undefined;
  #wait: IsolateWait | undefined;
  #dispatchedMs: number | undefined;
  #times: HandlerTimes | undefined;
  #runs = NO_RUNS;
  #spans = NO_SPANS;

  constructor(arrival: Arrival) {
    this.#arrival = arrival;
  }

  /** The coldest of what has happened. */
  get start(): Start {
    return coldestStart(this.#wait?.start ?? 'warm', this.#runs);
  }

  /** Undefined as long as no handler has run. */
  get serverTiming(): string | undefined {
    return this.#times === undefined ? undefined : serverTiming(this.#times, this.#runs, waitedMs(this.#wait));
  }

  routed(route: string, functionName: string, version: string): void {
    this.#route = { route, function: functionName, version };
  }

  /** No isolate was there: it waits for one that its own need starts, or somebody else's. */
  waits(start: IsolateWait['start']): void {
    const nowMs = monotonicMs();
    this.#wait = { ...this.#wait, start, fromMs: this.#wait?.fromMs ?? nowMs, untilMs: nowMs };
  }

  /** Its function is between two versions. */
  paused(): void {
    const nowMs = monotonicMs();
    this.#wait = { start: 'joined', for: 'rollout', fromMs: nowMs, untilMs: nowMs };
  }

  /** The wait is over; the note tells of the start that ended it. */
  waited(start: IsolateWait['start'], note: StartNote | undefined): void {
    const untilMs = monotonicMs();
    const told = note === undefined ? {} : { startId: note.startId, startMs: note.startMs, readyMs: note.readyMs };
    this.#wait = { ...this.#wait, start, fromMs: this.#wait?.fromMs ?? untilMs, untilMs, ...told };
  }

  dispatched(): void {
    this.#dispatchedMs = monotonicMs();
  }

  handled(times: HandlerTimes): void {
    this.#times = times;
    this.detailed(times.details);
  }

  detailed(details: HandlerDetails | undefined): void {
    if (details === undefined) return;
    this.#runs = [...this.#runs, ...details.runs];
    this.#spans = [...this.#spans, ...details.spans];
  }

  toRecord(ending: Ending): RequestRecord {
    const { requestId, method, path, trace, arrivedMs } = this.#arrival;
    const { status, errorCode, requestBytes, responseBytes, golden } = ending;
    const times = this.#times;
    return {
      requestId, method, path, status, start: this.start,
      traceId: trace.traceId, spanId: trace.spanId, sampled: trace.sampled,
      arrivedMs, endedMs: monotonicMs(), runs: this.#runs, spans: this.#spans, requestBytes, responseBytes, golden,
      ...this.#route,
      ...(errorCode !== undefined && { errorCode }),
      ...(trace.traceparent !== undefined && { traceparent: trace.traceparent }),
      ...(trace.tracestate !== undefined && { tracestate: trace.tracestate }),
      ...(this.#wait !== undefined && { wait: { ...this.#wait, untilMs: this.#dispatchedMs ?? monotonicMs() } }),
      ...(this.#dispatchedMs !== undefined && { dispatchedMs: this.#dispatchedMs }),
      ...(times !== undefined && { handlerStartMs: times.startMs, handlerEndMs: times.endMs }),
    };
  }
}

function waitedMs(wait: IsolateWait | undefined): number {
  return wait === undefined ? 0 : wait.untilMs - wait.fromMs;
}
