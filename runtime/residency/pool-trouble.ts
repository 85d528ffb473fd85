// Why a pool cannot serve now, as it is told to people. One that is only not loaded is in no trouble: a request loads it.
import { toPlainError, type ErrorCode } from '../errors.ts';
import { describePool, type Pool } from './pool.ts';

export interface PoolTrouble {
  readonly code?: ErrorCode;
  readonly message: string;
  /** Until a request may load it again; 0: the next one does. Left out: that is under way. */
  readonly retryInMs?: number;
}

export function troubleOf(pool: Pool, nowMs: number): PoolTrouble | undefined {
  const { failure, repairing, state } = pool;
  if (repairing !== undefined) return { message: `${describePool(pool)} failed its check and is loaded again: ${repairing}` };
  if (failure === undefined || state === 'resident') return undefined;
  const { code, message } = toPlainError(failure.error, 'LOAD_FAILED');
  const what = `${describePool(pool)} failed to load (${code}: ${message})`;
  // No waiting helps.
  if (code === 'NEVER_FITS') return { code, message: what };
  return state === 'loading' ? { code, message: `${what} and is being loaded again` } : { code, message: what, retryInMs: Math.max(0, failure.untilMs - nowMs) };
}
