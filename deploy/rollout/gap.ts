// The time in which a function has no model on the device because its versions have no room side by side: its callers wait, what is in
// flight ends, and the old models give way to the new ones as those are loaded. It always ends: with the switch to the new version,
// or with the old models back in their places.
import { PilotlightError } from '../../runtime/errors.ts';
import { versionLabel, type DeclaredVersion } from '../../runtime/function.ts';
import type { PoolPlan } from '../../runtime/residency/pool-plan.ts';
import { countOf } from './count-of.ts';
import { describeGap, formatGap } from './fit-plan.ts';
import type { RolloutParts } from './rollout-steps.ts';
import type { StepTeller } from './step-teller.ts';
import { versionId } from './version-id.ts';
import { TIDY_LIMIT_MS, tooLate, within } from './within.ts';

export interface GapOptions {
  /** Versions whose models give way. */
  readonly leaving: readonly DeclaredVersion[];
  /** How long it is expected to be; undefined: nobody knows. */
  readonly expectedMs: number | undefined;
}

export class Gap {
  readonly #parts: RolloutParts;
  readonly #name: string;
  #leaving: readonly DeclaredVersion[] = [];
  /** What was on the device when nothing was in flight any more. */
  #released: readonly PoolPlan[] = [];
  #beganMs: number | undefined;
  #endedMs: number | undefined;

  constructor(parts: RolloutParts, name: string) {
    this.#parts = parts;
    this.#name = name;
  }

  /** How long callers waited at most; undefined: there was no gap, or there still is. */
  get ms(): number | undefined {
    return this.#beganMs === undefined || this.#endedMs === undefined ? undefined : this.#endedMs - this.#beganMs;
  }

  /** From here on callers wait. Resolves when nothing of the leaving versions is in flight, or its time is over. */
  async begin({ leaving, expectedMs }: GapOptions, tell: StepTeller): Promise<string> {
    const { dataPlane, residency, clock, signal, drainTimeoutMs } = this.#parts;
    this.#leaving = leaving;
    this.#beganMs = clock.nowMs();
    // No request that waits for its answer lives longer than its own limit, and callers wait for the slowest.
    const settleMs = Math.min(drainTimeoutMs, Math.max(0, ...leaving.map(({ limits }) => limits.timeoutMs)));
    const patienceMs = Math.min(...leaving.map(({ limits }) => limits.timeoutMs));
    if (expectedMs !== undefined && expectedMs > patienceMs) {
      tell.warn(`callers cannot wait as long as the gap is expected to be, since limits.timeoutMs is ${patienceMs} ms: until less than that is left they are answered 503 with Retry-After`);
    }
    const pausing = dataPlane.pause(this.#name, { settleMs, ...(expectedMs === undefined ? {} : { gapMs: expectedMs }) });
    const left = await within(pausing, { clock, signal, limitMs: settleMs + TIDY_LIMIT_MS, late: () => tooLate(`pausing ${this.#name}`) });
    if (left > 0) {
      tell.warn(`${countOf(left, 'request')} of the old version did not end within ${formatGap(settleMs)}: what they ask of its models from now on may wait, or find no room`);
    }
    // Now that no request loads any more.
    this.#released = residency.residentOf(leaving.map(({ version }) => versionId(this.#name, version)));
    const models = this.#released.map(({ binding }) => binding).join(', ');
    return `callers wait from here on, ${describeGap(expectedMs)}; ${models === '' ? 'no model' : models} of the old version gives way`;
  }

  /** Callers go on, by the routes that are published now. Harmless when it has not begun or has ended. */
  async end(): Promise<void> {
    const { dataPlane, clock } = this.#parts;
    if (this.#beganMs === undefined || this.#endedMs !== undefined) return;
    await dataPlane.resume(this.#name);
    this.#endedMs = clock.nowMs();
  }

  /** Puts the old models back in the place of `incoming` (version ids), and ends. */
  async undo(incoming: readonly string[]): Promise<void> {
    try {
      const loads: PromiseSettledResult<void>[] = [];
      for (const pool of this.#released) loads.push(...await Promise.allSettled([this.#loadAgain(pool, incoming)]));
      for (const load of loads) if (load.status === 'rejected') throw load.reason;
    } finally {
      await this.end();
    }
  }

  async #loadAgain({ spec, function: name, binding }: PoolPlan, inPlaceOf: readonly string[]): Promise<void> {
    const { residency, dataPlane, underway, clock, signal, drainTimeoutMs } = this.#parts;
    // A host that stops loads for those who wait, and for no longer than it waits for them.
    if (signal.aborted && dataPlane.waiting(this.#name) === 0) return;
    const initTimeoutMs = Math.max(...this.#leaving.map(({ limits }) => limits.initTimeoutMs));
    const timeoutMs = signal.aborted ? Math.min(initTimeoutMs, drainTimeoutMs) : initTimeoutMs;
    using _ = underway.prepare(this.#leaving.map(versionLabel));
    await within(residency.ensure(spec.key, { reason: 'deploy', function: name, binding, timeoutMs, inPlaceOf }), {
      clock, limitMs: timeoutMs,
      late: () => new PilotlightError('DEADLINE', `${name}'s model ${binding} of the old version was not loaded again within ${timeoutMs} ms; the next request that wants it loads it`),
    });
  }
}
