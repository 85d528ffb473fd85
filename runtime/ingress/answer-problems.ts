// What can be wrong with a handler's answer, in words for the caller.
import { PilotlightError, type ErrorPlain } from '../errors.ts';

export function deadlinePassed(label: string, timeoutMs: number): PilotlightError {
  return new PilotlightError('DEADLINE', `${label} has not answered within limits.timeoutMs (${timeoutMs} ms)`);
}

export function isolateLost(label: string): PilotlightError {
  return new PilotlightError('ISOLATE_LOST', `the isolate of ${label} that ran this request has ended; another one takes the next`);
}

/** A status or a header that HTTP does not know. */
export function unsendable(label: string, error: unknown): PilotlightError {
  return new PilotlightError('BAD_RESPONSE', `the answer of ${label} cannot be sent: ${String(error)}`);
}

export function responseTooLarge(bytesMax: number): PilotlightError {
  return new PilotlightError('BAD_RESPONSE', `the handler's response has more than ${bytesMax} bytes, which limits.responseBytesMax allows`);
}

export function wrongLength(declared: number, sent: number): PilotlightError {
  return new PilotlightError('BAD_RESPONSE', `the handler declared ${declared} bytes and sent ${sent}`);
}

/** What a handler threw is for its log, not for callers. */
export function forCallers(error: ErrorPlain, label: string): ErrorPlain {
  return error.code === 'HANDLER_FAILED' ? { ...error, message: `the handler of ${label} failed; its log has the reason under this request's id` } : error;
}
