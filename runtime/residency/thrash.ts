// Notices when demand cycles over more than fits: when much of the time goes into loading what was given up a moment ago.
// Then a pool stays for as long as its load took, so that the requests that wait for it are served together.

/** A load within this time after the same pool was given up is one too many. */
const REGRET_MS = 60_000;
/** Looked at is so much of the past; thrashing is when repeated loads took more than this part of it. */
const WINDOW_MS = 60_000;
const PART_MAX = 0.25;

interface Repeated {
  readonly endMs: number;
  readonly tookMs: number;
}

export class ThrashWatch {
  readonly #givenUpMs = new Map<string, number>();
  readonly #onChange: (thrashing: boolean) => void;
  /** Oldest first. */
  readonly #repeated: Repeated[] = [];
  #repeatedMs = 0;
  #toldThrashing = false;

  /** `onChange` is told when a look finds another answer than the one before. */
  constructor(onChange: (thrashing: boolean) => void = () => {}) {
    this.#onChange = onChange;
  }

  givenUp(key: string, nowMs: number): void {
    this.#givenUpMs.delete(key);
    this.#givenUpMs.set(key, nowMs);
    // Oldest first: what is too long ago to be regretted goes.
    for (const [old, atMs] of this.#givenUpMs) {
      if (nowMs - atMs <= REGRET_MS) break;
      this.#givenUpMs.delete(old);
    }
  }

  loaded(key: string, { startMs, endMs }: { readonly startMs: number; readonly endMs: number }): void {
    const atMs = this.#givenUpMs.get(key);
    if (atMs !== undefined && startMs - atMs <= REGRET_MS) {
      this.#repeated.push({ endMs, tookMs: endMs - startMs });
      this.#repeatedMs += endMs - startMs;
    }
    this.#givenUpMs.delete(key);
  }

  isThrashing(nowMs: number): boolean {
    const old = this.#repeated.findIndex(({ endMs }) => nowMs - endMs <= WINDOW_MS);
    for (const { tookMs } of this.#repeated.splice(0, old < 0 ? Infinity : old)) this.#repeatedMs -= tookMs;
    const thrashing = this.#repeatedMs > PART_MAX * WINDOW_MS;
    if (thrashing !== this.#toldThrashing) {
      this.#toldThrashing = thrashing;
      this.#onChange(thrashing);
    }
    return thrashing;
  }
}
