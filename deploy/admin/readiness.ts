// Whether a request of a function would be answered now, and if not, why and when that is tried again: decided from a snapshot
// and nothing else. What is not loaded or not started is no fault: the next request is cold.
import type { ErrorPlain } from '../../runtime/errors.ts';
import type { PoolTrouble } from '../../runtime/residency/pool-trouble.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Why it is not ready, or not whole, and what would do. */
  readonly reason?: string;
  /** Until it is tried again; 0: by the next request. Left out: not by itself. */
  readonly retryInS?: number;
}

export interface ReadinessSnapshot {
  /** Why it is quarantined. */
  readonly refusal?: Pick<ErrorPlain, 'message'> | undefined;
  /** How many of its versions the routes lead to. */
  readonly serving: number;
  /** Versions that the last restart could not bring back. */
  readonly notRestored: readonly { readonly label: string; readonly error: ErrorPlain | undefined }[];
  /** Of versions that the routes lead to: what they answer with instead, until the next restart. */
  readonly lost: readonly ErrorPlain[];
  /** No isolate of these versions runs, and the last start failed. */
  readonly notStarted: readonly { readonly error: ErrorPlain; readonly retryInMs: number }[];
  /** Of pools that its versions declare. */
  readonly troubles: readonly PoolTrouble[];
}

export function readinessOf({ refusal, serving, notRestored, lost, notStarted, troubles }: ReadinessSnapshot): Readiness {
  if (refusal !== undefined) return { ready: false, reason: refusal.message };
  if (serving === 0) return { ready: false, reason: describeNotRestored(notRestored) };
  if (lost[0] !== undefined) return { ready: false, reason: `${lost[0].code}: ${lost[0].message}` };
  const [failed] = [...notStarted.map(({ error, retryInMs }) => ({ message: error.message, retryInMs })), ...troubles].sort(byWait);
  if (failed !== undefined) {
    const { message, retryInMs } = failed;
    return { ready: false, reason: message, ...(retryInMs === undefined ? {} : { retryInS: Math.ceil(retryInMs / 1000) }) };
  }
  return notRestored.length === 0 ? { ready: true } : { ready: true, reason: `${describeNotRestored(notRestored)}; the others have its share` };
}

function describeNotRestored(versions: ReadinessSnapshot['notRestored']): string {
  const texts = versions.map(({ label, error }) => `${label} could not be started again${error === undefined ? '' : ` (${error.code}: ${error.message})`}`);
  return `${texts.join('; ')}; deploy it again`;
}

/** What keeps it longest comes first. */
function byWait(a: { readonly retryInMs?: number }, b: { readonly retryInMs?: number }): number {
  return (b.retryInMs ?? Infinity) - (a.retryInMs ?? Infinity);
}
