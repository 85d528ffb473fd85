// The supervisor's part of the addon (native/src/binding/sockets.cc): descriptors and the lock. Opening it
// opens no engine library, so the supervisor stays small.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { describeThrown, PilotlightError } from '../errors.ts';

export interface ListenOptions {
  readonly backlog: number;
  /** Others of this user may listen on the port too. */
  readonly reusePort?: boolean;
  /** Nobody may listen on the port yet, not even with `reusePort`. */
  readonly exclusive?: boolean;
}

/** Failures are errors with `code` (EADDRINUSE, EWOULDBLOCK, ...), `errno` and `syscall`. */
export interface Sockets {
  listenTcp(host: string, port: number, options: ListenOptions): { readonly fd: number; readonly port: number };
  duplicate(fd: number): number;
  closeDescriptor(fd: number): void;
  /** Makes the file; EWOULDBLOCK when another process has the lock. Held until the last copy of the descriptor is closed. */
  lockFile(path: string): number;
  /** Linux: SIGKILL for this process when the thread that spawned it ends. */
  dieWithParent(parentPid: number): void;
}

const ADDON_FILE = fileURLToPath(new URL('../../../native/build/pilotlight.node', import.meta.url));

export function loadSockets(): Sockets {
  try {
    return createRequire(import.meta.url)(ADDON_FILE) as Sockets;
  } catch (error) {
    const reason = describeThrown(error).split('\n')[0];
    throw new PilotlightError('ENGINE_FAILED', `the native addon ${ADDON_FILE} cannot be loaded (${reason}): run \`npm run set-up\``, { cause: error });
  }
}
