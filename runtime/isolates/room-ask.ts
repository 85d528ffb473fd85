// What a version asks the host's supply for, and how long it may wait for it.
import type { PilotlightError } from '../errors.ts';
import type { Limits } from '../function.ts';
import type { IsolateAsk } from './isolate-policy.ts';

/** A wait for room in the host; ended by one of its two calls. */
export interface RoomAsk {
  readonly kind: 'deploy' | 'one';
  readonly count: number;
  readonly sinceMs: number;
  granted(): void;
  refused(error: PilotlightError): void;
}

/** Room that does not come in this time will not come in time for those who wait. */
const PATIENCE_MAX_MS = 5_000;

/** One more is urgent as long as a place stands empty. */
export function viewOfAsk(ask: RoomAsk | undefined, limits: Limits, places: 'full' | 'empty'): IsolateAsk | undefined {
  if (ask === undefined) return undefined;
  const { kind, count, sinceMs } = ask;
  if (kind === 'deploy') return { kind, count, sinceMs, patienceMs: Math.min(limits.initTimeoutMs, PATIENCE_MAX_MS) };
  // Whoever waits is told before his own deadline tells him less.
  return { kind: places === 'empty' ? 'place' : 'spare', count, sinceMs, patienceMs: Math.min(limits.timeoutMs / 2, PATIENCE_MAX_MS) };
}
