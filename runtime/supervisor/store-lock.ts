// One host for one store: takes the store's lock before anything else touches it. The lock is on the open
// file, which the host process inherits: it lasts while either of them lives, and no longer, however they end.
import { closeSync, ftruncateSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { describeThrown, PilotlightError } from '../errors.ts';
import { makeFolders } from '../make-folders.ts';
import type { Sockets } from './sockets.ts';

/** Inside the store's folder; holds the process id of the supervisor, for people. */
const LOCK_FILE = 'lock';

const ORPHAN_WAIT_MS = 10_000;
const RETRY_MS = 50;

export interface LockOptions {
  readonly sockets: Pick<Sockets, 'lockFile'>;
  readonly clock: Clock;
}

/** Makes the folder where it is missing. Gives the descriptor that holds the lock. */
export async function lockStore(store: string, { sockets, clock }: LockOptions): Promise<number> {
  try {
    await makeFolders(store, 0o700);
  } catch (error) {
    throw unwritable(store, error);
  }
  const fd = await takeLock(store, sockets, clock);
  try {
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw unwritable(store, error);
  }
}

async function takeLock(store: string, sockets: Pick<Sockets, 'lockFile'>, clock: Clock): Promise<number> {
  const file = join(store, LOCK_FILE);
  const untilMs = clock.nowMs() + ORPHAN_WAIT_MS;
  for (;;) {
    try {
      return sockets.lockFile(file);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EWOULDBLOCK')) throw unwritable(store, error);
      const pid = readHolder(file);
      // Its supervisor is dead, so that host is dying: it frees memory of its devices first, which takes a while.
      const isDying = pid !== undefined && !isAlive(pid);
      if (!isDying || clock.nowMs() >= untilMs) throw inUse(store, pid, error);
    }
    await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
  }
}

function readHolder(file: string): number | undefined {
  try {
    const pid = readFileSync(file, 'utf8').trim();
    return /^[1-9]\d{0,9}$/.test(pid) ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

function inUse(store: string, pid: number | undefined, cause: unknown): PilotlightError {
  const holder = pid === undefined ? '' : ` (process ${pid})`;
  const message = `the store ${store} is in use by another host${holder}; stop that one, or give this one a store of its own with --store`;
  return new PilotlightError('STORE_FAILED', message, { cause });
}

function unwritable(store: string, error: unknown): PilotlightError {
  const message = `cannot write in the store ${store}: ${describeThrown(error)}; make it writable for this user, or name another folder with --store`;
  return new PilotlightError('STORE_FAILED', message, { cause: error });
}
