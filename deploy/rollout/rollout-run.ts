// Drives one rollout: asks the policy what comes next, does it, tells it, and records it when it has ended.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../runtime/clock.ts';
import { PilotlightError, describeThrown, toPlainError } from '../../runtime/errors.ts';
import type { RolloutRecord } from '../../runtime/records.ts';
import { nextAction, isTolerated, type StepName, type Warming } from './policy.ts';
import type { RolloutEvent, RolloutListener, RolloutResult } from './rollout-event.ts';
import type { RolloutSteps } from './rollout-steps.ts';
import type { RolloutTarget } from './rollout-target.ts';

export interface RolloutRunOptions {
  readonly steps: RolloutSteps;
  readonly target: RolloutTarget;
  readonly warming: Warming;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onEvent: RolloutListener;
  readonly onRecord: (record: RolloutRecord) => void;
}

const OUTCOMES = { deploy: 'deployed', rollback: 'rolled back', split: 'split', promote: 'promoted', abort: 'aborted', delete: 'deleted' } as const;

export class RolloutRun {
  readonly #options: RolloutRunOptions;
  readonly #startMs: number;
  readonly #ended: StepName[] = [];
  readonly #failed: StepName[] = [];
  readonly #undone: StepName[] = [];
  readonly #times: RolloutRecord['steps'][number][] = [];
  readonly #warnings: string[] = [];
  #error: unknown;

  constructor(options: RolloutRunOptions) {
    this.#options = options;
    this.#startMs = options.clock.nowMs();
  }

  /** Rejects with the first fatal step's error when everything that could be undone is. */
  async execute(): Promise<RolloutResult> {
    const { steps, target, warming } = this.#options;
    try {
      for (;;) {
        const action = nextAction({
          kind: target.kind, warming, unchanged: steps.isUnchanged, startsVersions: steps.startsVersions, manner: steps.manner,
          ended: this.#ended, failed: this.#failed, undone: this.#undone,
        });
        if (action.act === 'run') await this.#run(action.step);
        else if (action.act === 'undo') await this.#undo(action.step);
        else return this.#end(action.outcome);
      }
    } finally {
      await steps.close();
      this.#record();
    }
  }

  async #run(step: StepName): Promise<void> {
    const { steps, clock, signal } = this.#options;
    const startMs = clock.nowMs();
    this.#tell(step, 'started', '', startMs);
    try {
      if (!this.#ended.includes('commit')) signal.throwIfAborted();
      const detail = await steps.run[step]({
        progress: (text) => this.#tell(step, 'progress', text, startMs),
        warn: (text) => this.#warn(step, text, startMs),
      });
      this.#tell(step, 'done', detail, startMs);
      this.#ended.push(step);
    } catch (error) {
      if (steps.canDrainFirst(step, error)) return this.#warn(step, `${describeThrown(error)}; the old version's models go first`, startMs);
      this.#ended.push(step);
      this.#failed.push(step);
      if (isTolerated(step)) this.#warn(step, describeThrown(error), startMs);
      else {
        this.#error = error;
        this.#tell(step, 'failed', describeThrown(error), startMs);
      }
    } finally {
      this.#times.push({ name: step, startMs, endMs: clock.nowMs() });
    }
  }

  async #undo(step: StepName): Promise<void> {
    const { steps, clock } = this.#options;
    const startMs = clock.nowMs();
    this.#undone.push(step);
    try {
      await steps.undo(step);
      this.#tell(step, 'undone', '', startMs);
    } catch (error) {
      // The rollout's own error is the news; what could not be undone must not hide it.
      this.#warn(step, `could not be undone: ${describeThrown(error)}`, startMs);
    }
  }

  #end(outcome: 'done' | 'unchanged' | 'undone' | 'committed'): RolloutResult {
    const { target, clock, steps } = this.#options;
    if (outcome === 'undone') throw this.#error;
    if (outcome === 'committed') {
      const { code, message } = toPlainError(this.#error, 'INTERNAL');
      throw new PilotlightError(code, `${message}; the new state of ${target.name} is on disk already, a restart of the host serves it`, { cause: this.#error });
    }
    return {
      function: target.name,
      ...(steps.version === undefined ? {} : { version: steps.version }),
      ...(steps.shares.length > 1 ? { shares: steps.shares.map(({ version, percent }) => ({ version, percent })) } : {}),
      outcome: outcome === 'unchanged' ? 'unchanged' : OUTCOMES[target.kind],
      warnings: this.#warnings,
      ...(steps.gapMs === undefined ? {} : { gapMs: steps.gapMs }),
      ms: clock.nowMs() - this.#startMs,
    };
  }

  #warn(step: StepName, detail: string, startMs: number): void {
    this.#warnings.push(`${step}: ${detail}`);
    this.#tell(step, 'warning', detail, startMs);
  }

  #tell(step: StepName, state: RolloutEvent['state'], detail: string, startMs: number): void {
    this.#options.onEvent({ step, state, detail, ms: this.#options.clock.nowMs() - startMs });
  }

  #record(): void {
    const { target, steps, clock, onRecord } = this.#options;
    const failure = this.#error === undefined ? undefined : toPlainError(this.#error, 'INTERNAL');
    onRecord({
      rolloutId: randomBytes(8).toString('hex'),
      kind: target.kind,
      function: target.name,
      ...(steps.version === undefined ? {} : { version: steps.version }),
      startMs: this.#startMs,
      endMs: clock.nowMs(),
      steps: this.#times,
      ...(steps.gapMs === undefined ? {} : { gapMs: steps.gapMs }),
      ...(failure === undefined ? {} : { errorCode: failure.code, errorMessage: failure.message }),
    });
  }
}
