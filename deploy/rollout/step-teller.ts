// Where a step tells what happens inside it.

export interface StepTeller {
  progress(detail: string): void;
  /** Worth knowing, no reason to stop. */
  warn(detail: string): void;
}
