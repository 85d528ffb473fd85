// Which coded error each failure of the native core is. In step with `enum class Code` of native/src/core/status.h.
import { PilotlightError, type ErrorCode } from '../errors.ts';

const CODES: readonly (ErrorCode | undefined)[] = [
  undefined, // kOk
  'NOT_RESIDENT',
  'QUEUE_FULL',
  'QUEUE_TIMEOUT',
  'DEADLINE',
  'CLIENT_CLOSED', // kCancelled
  'BAD_MODEL',
  'LOAD_FAILED',
  'NO_MEMORY',
  'ENGINE_FAILED',
  'BAD_TENSOR', // kBadInput
  'LOAD_FAILED', // kMissingLibrary: the text says which
  'DEVICE_LOST',
];

export function nativeError(code: number, message: string): PilotlightError {
  return new PilotlightError(CODES[code] ?? 'ENGINE_FAILED', message);
}
