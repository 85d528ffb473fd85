// Where a request stands in a trace: a caller's W3C headers are continued when they are exactly valid, anything else is
// ignored and a new trace begins.
import { randomFillSync } from 'node:crypto';

export interface TraceContext {
  readonly traceId: string;
  /** The request's own span. */
  readonly spanId: string;
  readonly sampled: boolean;
  /** The caller's headers, as sent and valid. */
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

/** Random hexadecimal digits, drawn from the system in large pieces. */
class RandomHex {
  readonly #bytes = Buffer.alloc(8192);
  #digits = '';
  #at = 0;

  take(digits: number): string {
    if (this.#at + digits > this.#digits.length) {
      this.#digits = randomFillSync(this.#bytes).toString('hex');
      this.#at = 0;
    }
    this.#at += digits;
    return this.#digits.slice(this.#at - digits, this.#at);
  }
}

const random = new RandomHex();

export function continueTrace(traceparent: string | undefined, tracestate: string | undefined, samplingRatio: number): TraceContext {
  const spanId = random.take(16);
  const parts = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  const [, version, traceId, parentId, flags] = parts ?? [];
  if (traceId === undefined || flags === undefined || version !== '00' || traceId === NO_TRACE || parentId === NO_SPAN) {
    return { traceId: random.take(32), spanId, sampled: Math.random() < samplingRatio, traceparent: undefined, tracestate: undefined };
  }
  const state = tracestate !== undefined && TRACESTATE.test(tracestate) ? tracestate : undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1, traceparent, tracestate: state };
}

/** What a handler sends along with its own requests. */
export function formatTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** Ids of requests: unique over threads and restarts by the prefix, within the thread by the count. */
export class RequestIds {
  readonly #prefix = random.take(12);
  #count = 0;

  next(): string {
    this.#count += 1;
    return `${this.#prefix}-${this.#count.toString(36)}`;
  }
}
