// Real and injectable time. All durations are measured on one monotonic clock that every thread and the
// native core share (CLOCK_MONOTONIC), so that stamps taken in different threads can be subtracted.

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds, monotonic, fractional; comparable between threads of this process. */
  nowMs(): number;
  /** Calls `work` once after `delayMs`; never keeps the process alive. */
  after(delayMs: number, work: () => void): Timer;
}

// performance.now() starts at another origin in each thread; hrtime does not, but costs a BigInt a call.
const threadOriginMs = measureOriginMs();

/** The first calls take a millisecond and any may be interrupted: the pair that lies closest together tells the origin. */
function measureOriginMs(): number {
  let closestMs = Infinity;
  let originMs = 0;
  for (let round = 0; round < 10; round++) {
    const before = process.hrtime.bigint();
    const nowMs = performance.now();
    const apartMs = Number(process.hrtime.bigint() - before) / 1e6;
    if (apartMs >= closestMs) continue;
    closestMs = apartMs;
    originMs = Number(before) / 1e6 + apartMs / 2 - nowMs;
  }
  return originMs;
}

/** Milliseconds on the clock that all threads share. */
export function monotonicMs(): number {
  return performance.now() + threadOriginMs;
}

/** Unix time in milliseconds of a stamp of the shared monotonic clock. */
export function toEpochMs(stampMs: number): number {
  return Date.now() + (stampMs - monotonicMs());
}

export const realClock: Clock = {
  nowMs: monotonicMs,
  after(delayMs, work) {
    const handle = setTimeout(work, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};
