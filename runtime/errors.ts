// The coded error family. The code is the contract (status, retry answer); the text is for people:
// what was tried, with which value, what was found, what would do.

interface ErrorKind {
  readonly status: number;
  readonly retryable: boolean;
}

const kind = (status: number, retryable = false): ErrorKind => ({ status, retryable });

/** Every code a user can meet, with its HTTP status and whether the same request may succeed later. */
export const ERROR_KINDS = {
  BAD_REQUEST: kind(400),
  BAD_TENSOR: kind(400),
  NO_TOKEN: kind(401),
  FORBIDDEN: kind(403),
  NO_ROUTE: kind(404),
  NO_FUNCTION: kind(404),
  NO_VERSION: kind(404),
  BAD_METHOD: kind(405),
  BODY_TIMEOUT: kind(408, true),
  ROUTE_CONFLICT: kind(409),
  BODY_TOO_LARGE: kind(413),
  BAD_MANIFEST: kind(422),
  BAD_BUNDLE: kind(422),
  BAD_HANDLER: kind(422),
  BAD_MODEL: kind(422),
  WARMUP_FAILED: kind(422),
  QUEUE_FULL: kind(429, true),
  TOO_BUSY: kind(429, true),
  HEADERS_TOO_LARGE: kind(431),
  CLIENT_CLOSED: kind(499),
  HANDLER_FAILED: kind(500),
  ENGINE_FAILED: kind(500),
  INTERNAL: kind(500),
  STORE_FAILED: kind(500),
  BAD_SETTING: kind(500),
  ISOLATE_LOST: kind(502, true),
  BAD_RESPONSE: kind(502),
  QUEUE_TIMEOUT: kind(503, true),
  LOAD_FAILED: kind(503, true),
  NO_MEMORY: kind(503, true),
  NOT_RESIDENT: kind(503, true),
  DRAINING: kind(503, true),
  DEVICE_LOST: kind(503, true),
  RESTARTING: kind(503, true),
  OVERLOADED: kind(503, true),
  QUARANTINED: kind(503, true),
  DEADLINE: kind(504, true),
  NEVER_FITS: kind(507),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;

export interface ErrorDetails {
  readonly cause?: unknown;
  /** Seconds after which trying again makes sense; sent as Retry-After. */
  readonly retryAfterS?: number;
}

/** An expected failure. Anything else that is thrown is a bug or a handler's own error. */
export class PilotlightError extends Error {
  readonly code: ErrorCode;
  readonly retryAfterS: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'PilotlightError';
    this.code = code;
    this.retryAfterS = details.retryAfterS ?? (ERROR_KINDS[code].retryable ? 1 : undefined);
  }

  get status(): number {
    return ERROR_KINDS[this.code].status;
  }

  get retryable(): boolean {
    return ERROR_KINDS[this.code].retryable;
  }
}

/** An error as plain data: how it crosses threads and the admin API. */
export interface ErrorPlain {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterS?: number;
}

export function toPlainError(error: unknown, otherwise: ErrorCode): ErrorPlain {
  if (error instanceof PilotlightError) {
    return error.retryAfterS === undefined
      ? { code: error.code, message: error.message }
      : { code: error.code, message: error.message, retryAfterS: error.retryAfterS };
  }
  return { code: otherwise, message: describeThrown(error) };
}

export function fromPlainError(plain: ErrorPlain): PilotlightError {
  return new PilotlightError(plain.code, plain.message, plain.retryAfterS === undefined ? {} : { retryAfterS: plain.retryAfterS });
}

/** One line for anything that can be thrown, Error or not. */
export function describeThrown(error: unknown): string {
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  try {
    return String(error);
  } catch {
    return 'a value that cannot be printed';
  }
}

/** RFC 9457 problem details; the body of every error response. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly requestId: string;
  readonly retryable: boolean;
}

export function problemBody(error: PilotlightError | ErrorPlain, requestId: string): ProblemBody {
  const { status, retryable } = ERROR_KINDS[error.code];
  return { type: 'about:blank', title: error.code, status, detail: error.message, code: error.code, requestId, retryable };
}

/** A broken invariant: always a bug of ours, never a user's doing. */
export function assert(condition: unknown, bug: string): asserts condition {
  if (!condition) throw new Error(`bug: ${bug}`);
}
