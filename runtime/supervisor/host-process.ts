// One host process, from its start to its death: spawned with the listening descriptors and the store's lock
// in its stdio slots, and a channel for messages. Tells its death once, after the last message.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Clock } from '../clock.ts';
import { describeThrown } from '../errors.ts';
import type { FromHost, HostDeath, ToHost } from './messages.ts';

/** 0, 1 and 2 are as everywhere, 3 is the channel. */
export const FIRST_DESCRIPTOR = 4;

/** How long the channel of a dead process is waited for: somebody else may hold its other end. */
const LAST_WORDS_MS = 1000;

/** The signals by which native code ends its process. */
const FAULTS: ReadonlySet<NodeJS.Signals> = new Set<NodeJS.Signals>(['SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGSEGV', 'SIGTRAP', 'SIGSYS']);

export interface HostDeathNotice {
  /** Completes "the host ...". */
  readonly cause: string;
  /** null: by a signal, or it could not be started. */
  readonly exitCode: number | null;
  readonly by: HostDeath['by'];
}

export interface HostListener {
  message(message: FromHost): void;
  died(notice: HostDeathNotice): void;
}

export interface HostProcess {
  readonly pid: number | undefined;
  /** Lost when it is dead. */
  send(message: ToHost): void;
  kill(): void;
}

export interface LaunchOptions {
  /** The script of the host process. */
  readonly file: string;
  /** Found in the host from FIRST_DESCRIPTOR on. */
  readonly descriptors: readonly number[];
  readonly clock: Clock;
}

export function launchHost({ file, descriptors, clock }: LaunchOptions, listener: HostListener): HostProcess {
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [file], { stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...descriptors] });
  } catch (error) {
    setImmediate(() => listener.died({ cause: `could not be started (${describeThrown(error)})`, exitCode: null, by: 'other' }));
    return { pid: undefined, send: () => {}, kill: () => {} };
  }
  let state: 'alive' | 'exited' | 'told' = 'alive';
  const tell = (notice: HostDeathNotice): void => {
    if (state === 'told') return;
    state = 'told';
    listener.died(notice);
  };
  child.on('message', (message) => {
    // Only our own code has the other end: isolates are threads, and threads have no channel.
    if (state !== 'told') listener.message(message as FromHost);
  });
  // Also for a failed send or kill: those end in a death that is told anyway.
  child.on('error', (error) => {
    if (child.pid === undefined) tell({ cause: `could not be started (${describeThrown(error)})`, exitCode: null, by: 'other' });
  });
  child.once('exit', (exitCode, signal) => {
    if (state === 'alive') state = 'exited';
    const notice: HostDeathNotice = { cause: describeExit(exitCode, signal), exitCode, by: signal !== null && FAULTS.has(signal) ? 'fault' : 'other' };
    const wait = clock.after(LAST_WORDS_MS, () => tell(notice));
    child.once('close', () => {
      wait.cancel();
      tell(notice);
    });
  });
  return {
    pid: child.pid,
    send: (message) => {
      if (child.connected) child.send(message, () => {});
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

function describeExit(exitCode: number | null, signal: NodeJS.Signals | null): string {
  if (signal === null) return `ended with exit code ${exitCode}`;
  return signal === 'SIGKILL' ? 'was killed by SIGKILL (by hand, or for using too much memory)' : `was killed by ${signal}`;
}
