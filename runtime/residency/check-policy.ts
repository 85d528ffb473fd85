// Which pool is checked next by a light run of its own: decided from a snapshot and nothing else. The rules it keeps: a pool that
// answers jobs proves itself and is left alone, and no check runs where jobs wait.

/** A resident pool as a look finds it. Stamps are in milliseconds on the shared clock. */
export interface CheckedPool {
  readonly key: string;
  /** When it was loaded, or last found well by a check. */
  readonly provenMs: number;
  /** When its last job or lease began. */
  readonly usedMs: number;
  /** Jobs that run or wait. */
  readonly jobs: number;
  /** Jobs that failed since one went well. */
  readonly failedInRow: number;
  /** It was repaired a moment ago. */
  readonly notBeforeMs: number;
}

export interface CheckSnapshot {
  readonly nowMs: number;
  /** Checked is what was neither proven nor used for so long. */
  readonly everyMs: number;
  readonly pools: readonly CheckedPool[];
  /** Of the whole host: jobs that wait for a slot. */
  readonly waiting: number;
}

/** So many failures without a success between them are no caller's doing. */
export const SUSPECT_FAILURES = 3;

/** The key of one pool: first one whose jobs all fail, then the one that was not proven for the longest time. */
export function nextCheck({ nowMs, everyMs, pools, waiting }: CheckSnapshot): string | undefined {
  const allowed = pools.filter(({ notBeforeMs }) => notBeforeMs <= nowMs);
  // At once and also beside its jobs: they fail anyway, so there is nothing that a check could hold up.
  const suspect = allowed.find(({ failedInRow }) => failedInRow >= SUSPECT_FAILURES);
  if (suspect !== undefined) return suspect.key;
  if (waiting > 0) return undefined;
  const quietSinceMs = (pool: CheckedPool): number => Math.max(pool.provenMs, pool.usedMs);
  const due = allowed.filter((pool) => pool.jobs === 0 && nowMs - quietSinceMs(pool) >= everyMs);
  return due.sort((a, b) => quietSinceMs(a) - quietSinceMs(b))[0]?.key;
}

/** A pool's counters since the process began. */
export interface JobCounters {
  /** Well or not. */
  readonly runs: number;
  readonly failures: number;
}

/** Whatever the order between two looks: one success among the failures and it is the callers' inputs, or has passed. */
export function failedInRow(before: number, last: JobCounters, now: JobCounters): number {
  const failures = now.failures - last.failures;
  return now.runs - last.runs > failures ? 0 : before + failures;
}
