// A failure of the command itself: wrong usage, or a host that cannot be reached. What a host refuses stays a PilotlightError.

export class CliFailure extends Error {
  /** 1: refused or failed; 2: wrong usage; another: the host's own. */
  readonly exitCode: number;

  constructor(message: string, exitCode = 1, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CliFailure';
    this.exitCode = exitCode;
  }
}
