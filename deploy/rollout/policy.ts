// What a rollout does next, decided from a snapshot and nothing else. The rule it keeps: before the commit a
// failure undoes everything in reverse, after it the new version stands and what is left over is told.

export type RolloutKind = 'deploy' | 'rollback' | 'split' | 'promote' | 'abort' | 'delete';

export type StepName =
  | 'check' | 'store' | 'plan' | 'release' | 'load' | 'warm' | 'isolates' | 'golden' | 'commit' | 'switch' | 'drain' | 'unload' | 'confirm';

/** `cold` leaves the models to the first request that wants them (`--no-warm`). */
export type Warming = 'warm' | 'cold';

/** `drain first`: old and new have no room side by side, so the old models go before the new ones come. */
export type Manner = 'side by side' | 'drain first';

export interface RolloutSnapshot {
  readonly kind: RolloutKind;
  readonly warming: Warming;
  /** true once `check` found that the wanted version serves already. */
  readonly unchanged: boolean;
  /** false once `check` found that all wanted versions run already, so that only their shares change. */
  readonly startsVersions: boolean;
  /** Decided by `plan`; and by a `load` that finds no room after all, which is then done again. */
  readonly manner: Manner;
  /** Steps that have ended, well or not, in order. */
  readonly ended: readonly StepName[];
  /** Those of them that failed. */
  readonly failed: readonly StepName[];
  readonly undone: readonly StepName[];
}

export type RolloutAction =
  | { readonly act: 'run'; readonly step: StepName }
  | { readonly act: 'undo'; readonly step: StepName }
  | { readonly act: 'end'; readonly outcome: 'done' | 'unchanged' | 'undone' | 'committed' };

const TAIL = ['commit', 'switch', 'drain', 'unload', 'confirm'] as const;
const MODELS = ['load', 'warm'] as const;

const START: Readonly<Record<Manner, readonly StepName[]>> = {
  'side by side': ['plan', ...MODELS, 'isolates', 'golden'],
  // What needs no memory comes before the old models go: callers wait from `release` to `switch`.
  'drain first': ['plan', 'isolates', 'release', ...MODELS, 'golden'],
};

const STEPS: Readonly<Record<RolloutKind, (start: readonly StepName[]) => readonly StepName[]>> = {
  deploy: (start) => ['check', 'store', ...start, ...TAIL],
  rollback: (start) => ['check', ...start, ...TAIL],
  split: (start) => ['check', ...start, ...TAIL],
  promote: (start) => ['check', ...start, ...TAIL],
  // It runs beside other rollouts of its function, which may have versions under way: there is nothing of its own to drain.
  abort: () => ['check', 'commit', 'switch'],
  delete: () => ['check', ...TAIL],
};

const STARTING: ReadonlySet<StepName> = new Set(['store', ...START['drain first']]);

/** Golden requests would load the models, so a cold rollout sends none; what it loads later takes the room of models that are gone by then. */
const COLD_LEAVES_OUT: ReadonlySet<StepName> = new Set([...MODELS, 'release', 'golden']);

/** What these steps made has to go, or come back, when a later one (or they themselves) fails. */
const LEAVES_RESIDUE: ReadonlySet<StepName> = new Set(['store', 'plan', 'isolates', 'release']);

/** Traffic is on the new version already: what fails here is told and finished by the next rollout or restart. */
const TOLERATED: ReadonlySet<StepName> = new Set(['drain', 'unload', 'confirm']);

export function stepsOf({ kind, warming, startsVersions, manner }: Pick<RolloutSnapshot, 'kind' | 'warming' | 'startsVersions' | 'manner'>): readonly StepName[] {
  return STEPS[kind](START[manner]).filter((step) => !(warming === 'cold' && COLD_LEAVES_OUT.has(step)) && (startsVersions || !STARTING.has(step)));
}

export function isTolerated(step: StepName): boolean {
  return TOLERATED.has(step);
}

export function nextAction(snapshot: RolloutSnapshot): RolloutAction {
  if (snapshot.unchanged) return { act: 'end', outcome: 'unchanged' };
  if (snapshot.failed.every(isTolerated)) {
    const step = stepsOf(snapshot).find((one) => !snapshot.ended.includes(one));
    return step === undefined ? { act: 'end', outcome: 'done' } : { act: 'run', step };
  }
  if (isCommitted(snapshot)) return { act: 'end', outcome: 'committed' };
  const residue = snapshot.ended.findLast((step) => LEAVES_RESIDUE.has(step) && !snapshot.undone.includes(step));
  return residue === undefined ? { act: 'end', outcome: 'undone' } : { act: 'undo', step: residue };
}

function isCommitted({ ended, failed }: RolloutSnapshot): boolean {
  return ended.includes('commit') && !failed.includes('commit');
}
