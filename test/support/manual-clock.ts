// A clock that stands still until a test moves it.
import type { Clock, Timer } from '../../runtime/clock.ts';

interface Due {
  readonly atMs: number;
  readonly work: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #due = new Set<Due>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, work: () => void): Timer {
    const due = { atMs: this.#nowMs + delayMs, work };
    this.#due.add(due);
    return { cancel: () => void this.#due.delete(due) };
  }

  /** Moves time on and runs what became due, in order of time. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const next = [...this.#due].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#due.delete(next);
      this.#nowMs = next.atMs;
      next.work();
    }
    this.#nowMs = untilMs;
  }

  /** Moves time on to what is due next and runs that; false when nothing is. */
  step(): boolean {
    let next: Due | undefined;
    for (const due of this.#due) if (next === undefined || due.atMs < next.atMs) next = due;
    if (next === undefined) return false;
    this.#due.delete(next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.work();
    return true;
  }

  /** Timers that have not fired or been cancelled. */
  get pending(): number {
    return this.#due.size;
  }
}
