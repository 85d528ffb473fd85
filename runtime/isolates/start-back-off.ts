// How long the next start of an isolate waits: not at all at first, longer and longer when isolates of a version are lost or
// cannot start. While none serves, those who ask are told at once what failed last, as with loads.
import { backOffMs } from '../back-off.ts';
import type { Clock } from '../clock.ts';
import { PilotlightError, toPlainError, type ErrorPlain } from '../errors.ts';

const RECENT_MS = 30_000;
const FREE_REPLACEMENTS = 3;
const SPARE_FIRST_MS = 100;
const SPARE_MAX_MS = 5_000;

/** How long a new spare waits, by the number of replacements of the last half minute. */
export function spareWaitMs(recent: number): number {
  if (recent <= FREE_REPLACEMENTS) return 0;
  return Math.min(SPARE_MAX_MS, SPARE_FIRST_MS * 2 ** (recent - FREE_REPLACEMENTS - 1));
}

export interface StartFailure {
  readonly error: ErrorPlain;
  /** Until a request may start one again; 0: the next one does. */
  readonly retryInMs: number;
}

export class StartBackOff {
  readonly #clock: Clock;
  readonly #label: string;
  #lostMs: number[] = [];
  #failure: { readonly error: PilotlightError; readonly count: number; readonly untilMs: number } | undefined;

  constructor(clock: Clock, label: string) {
    this.#clock = clock;
    this.#label = label;
  }

  /** An isolate was lost or could not start. */
  lost(): void {
    this.#lostMs = [...this.#recent(), this.#clock.nowMs()];
  }

  get waitMs(): number {
    return spareWaitMs(this.#recent().length);
  }

  started(): void {
    this.#failure = undefined;
  }

  /** None serves, and none could start. Gives what those who wait are told. */
  failed(cause: unknown): PilotlightError {
    const { code, message } = toPlainError(cause, 'BAD_HANDLER');
    const count = (this.#failure?.count ?? 0) + 1;
    const waitMs = backOffMs(count);
    const error = refusal(`no isolate of ${this.#label} could start (${code}: ${message})`, cause, waitMs);
    this.#failure = { error, count, untilMs: this.#clock.nowMs() + waitMs };
    return error;
  }

  /** What those are told who ask before it is time to try again. */
  get refusal(): PilotlightError | undefined {
    if (this.#failure === undefined) return undefined;
    const leftMs = this.#failure.untilMs - this.#clock.nowMs();
    return leftMs <= 0 ? undefined : refusal(this.#failure.error.message, this.#failure.error.cause, leftMs);
  }

  /** Why the last start failed, until one succeeds. */
  get failure(): StartFailure | undefined {
    if (this.#failure === undefined) return undefined;
    const { error, untilMs } = this.#failure;
    return { error: toPlainError(error, 'LOAD_FAILED'), retryInMs: Math.max(0, untilMs - this.#clock.nowMs()) };
  }

  #recent(): number[] {
    const nowMs = this.#clock.nowMs();
    return this.#lostMs.filter((atMs) => nowMs - atMs < RECENT_MS);
  }
}

function refusal(text: string, cause: unknown, waitMs: number): PilotlightError {
  // Callers may have other hosts to ask, and operators a GPU to look after.
  const code = cause instanceof PilotlightError && cause.code === 'DEVICE_LOST' ? cause.code : 'LOAD_FAILED';
  return new PilotlightError(code, text, { cause, retryAfterS: Math.ceil(waitMs / 1000) });
}
