// What a rollout tells while it runs and when it has ended: plain data that crosses the admin API line by line.
import type { Share } from '../../runtime/router/table.ts';
import type { StepName } from './policy.ts';

export interface RolloutEvent {
  readonly step: StepName;
  readonly state: 'started' | 'progress' | 'done' | 'warning' | 'failed' | 'undone';
  /** For people: what was found or done. */
  readonly detail: string;
  /** Since the step began. */
  readonly ms: number;
}

export type RolloutListener = (event: RolloutEvent) => void;

export interface RolloutResult {
  readonly function: string;
  /** 64 hexadecimal digits; left out after a delete or a split. */
  readonly version?: string;
  /** Where several versions answer now. */
  readonly shares?: readonly Share[];
  readonly outcome: 'deployed' | 'unchanged' | 'rolled back' | 'split' | 'promoted' | 'aborted' | 'deleted';
  readonly warnings: readonly string[];
  /** Old and new had no room side by side: so long callers waited at most. */
  readonly gapMs?: number;
  readonly ms: number;
}
