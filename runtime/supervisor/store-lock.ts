// One host for one store: takes the store's lock before anything else touches it. The lock is on the open
// file, which the host process inherits: it lasts while either of them lives, and no longer, however they end.
import { closeSync, ftruncateSync, mkdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describeThrown, PilotlightError } from '../errors.ts';
import type { Sockets } from './sockets.ts';

/** Inside the store's folder; holds the process id of the supervisor, for people. */
export const LOCK_FILE = 'lock';

/** Makes the folder where it is missing. Gives the descriptor that holds the lock. */
export function lockStore(store: string, sockets: Pick<Sockets, 'lockFile'>): number {
  const file = join(store, LOCK_FILE);
  try {
    mkdirSync(store, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unwritable(store, error);
  }
  const fd = takeLock(store, file, sockets);
  try {
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw unwritable(store, error);
  }
}

function takeLock(store: string, file: string, sockets: Pick<Sockets, 'lockFile'>): number {
  try {
    return sockets.lockFile(file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EWOULDBLOCK')) throw unwritable(store, error);
    const message = `the store ${store} is in use by another host${describeHolder(file)}; stop that one, or give this one a store of its own with --store`;
    throw new PilotlightError('STORE_FAILED', message, { cause: error });
  }
}

function describeHolder(file: string): string {
  try {
    const pid = readFileSync(file, 'utf8').trim();
    return /^\d{1,10}$/.test(pid) ? ` (process ${pid})` : '';
  } catch {
    return '';
  }
}

function unwritable(store: string, error: unknown): PilotlightError {
  const message = `cannot write in the store ${store}: ${describeThrown(error)}; make it writable for this user, or name another folder with --store`;
  return new PilotlightError('STORE_FAILED', message, { cause: error });
}
