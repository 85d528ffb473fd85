// The supervisor process: takes the store's lock, opens the sockets, keeps a host process running on them, and
// ends with it. Small on purpose: it loads no engine, no handler and no server framework.
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config.ts';
import { realClock } from '../clock.ts';
import { Answerer } from './answerer.ts';
import type { Excuse } from './answerer.ts';
import { createEventLog } from './event-log.ts';
import { FIRST_DESCRIPTOR, launchHost } from './host-process.ts';
import { BACKLOG, closeListeners, openListeners } from './listeners.ts';
import type { Listeners } from './listeners.ts';
import type { HostDescriptors } from './messages.ts';
import type { End, PolicyLimits } from './policy.ts';
import { loadSockets } from './sockets.ts';
import type { Sockets } from './sockets.ts';
import { lockStore } from './store-lock.ts';
import { Supervisor, TICK_MS } from './supervisor.ts';
import type { SupervisorLog } from './supervisor.ts';
import { WorkRecord } from './work-record.ts';

/** What the host needs after its last request has been cut: to close pools, files and threads. */
const CLOSE_MS = 4000;
const START_TICKS = 20;
const STABLE_MS = 60_000;
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 30_000;

export interface SupervisorOptions {
  /** Script of the host process; default: runtime/main.js of this build. */
  readonly hostFile?: string;
  readonly log?: SupervisorLog;
}

export interface RunningSupervisor {
  readonly port: number;
  readonly adminPort: number;
  /** Resolves when a host is ready for the first time; never when none ever is. */
  readonly ready: Promise<void>;
  readonly ended: Promise<End>;
  /** As by a signal: the first lets the host drain, the second ends all at once. */
  stop(signal: 'SIGTERM' | 'SIGINT'): void;
}

const HOST_FILE = fileURLToPath(new URL('../main.js', import.meta.url));

/** Rejects with STORE_FAILED or BAD_SETTING when the store or the port cannot be had; then nothing is left. */
export async function startSupervisor(config: Config, options: SupervisorOptions = {}): Promise<RunningSupervisor> {
  const sockets = loadSockets();
  const lock = await lockStore(config.store, { sockets, clock: realClock });
  try {
    return supervise(config, options, { sockets, lock, listeners: openListeners(config, sockets) });
  } catch (error) {
    closeSync(lock);
    throw error;
  }
}

/** Until a signal or a fatal error of the host ends it. The caller prints the message and exits with the code. */
export async function runSupervisor(config: Config, options: SupervisorOptions = {}): Promise<End> {
  const supervisor = await startSupervisor(config, options);
  const stop = (signal: NodeJS.Signals): void => supervisor.stop(signal === 'SIGINT' ? 'SIGINT' : 'SIGTERM');
  process.on('SIGTERM', stop).on('SIGINT', stop);
  try {
    return await supervisor.ended;
  } finally {
    process.off('SIGTERM', stop).off('SIGINT', stop);
  }
}

interface Held {
  readonly sockets: Sockets;
  readonly lock: number;
  readonly listeners: Listeners;
}

function supervise(config: Config, { hostFile = HOST_FILE, log = createEventLog(config.logLevel) }: SupervisorOptions, held: Held): RunningSupervisor {
  const { sockets, lock, listeners } = held;
  const record = WorkRecord.create();
  const descriptors = [...listeners.ingress, listeners.admin, lock, ...(record === undefined ? [] : [record.descriptor])];
  const supervisor: Supervisor = new Supervisor({
    limits: limitsOf(config),
    clock: realClock,
    log,
    launch: (listener) => launchHost({ file: hostFile, descriptors, clock: realClock }, listener),
    start: { config, descriptors: describeDescriptors(config, listeners, record), supervisorPid: process.pid },
    ...(record === undefined ? {} : { takeWork: () => record.take() }),
    answerer: new Answerer({
      listeners, sockets, clock: realClock,
      excuse: () => excuseOf(supervisor),
      onFailure: (reason) => log('warn', 'supervisor.cannot_answer', `connections wait: ${reason}`),
    }),
  });
  // Between two hosts there is nothing else that would keep this process from ending.
  const awake = setInterval(() => {}, 2 ** 30);
  const killHost = (): void => supervisor.killHost();
  process.once('exit', killHost);
  const ended = supervisor.ended.finally(() => {
    process.off('exit', killHost);
    clearInterval(awake);
    closeListeners(listeners, sockets);
    record?.close();
    closeSync(lock);
  });
  return {
    port: listeners.port,
    adminPort: listeners.adminPort,
    ready: supervisor.ready,
    ended,
    stop: (signal) => supervisor.stop(constants.signals[signal]),
  };
}

function limitsOf(config: Config): PolicyLimits {
  return {
    restartWaitMs: config.restartWaitMs,
    silentTicksMax: Math.ceil(config.hostHangMs / TICK_MS),
    startTicks: START_TICKS,
    stopMs: config.drainTimeoutMs + CLOSE_MS,
    stableMs: STABLE_MS,
    retryFirstMs: RETRY_FIRST_MS,
    retryMaxMs: RETRY_MAX_MS,
  };
}

function describeDescriptors(config: Config, { ingress, port, adminPort }: Listeners, record: WorkRecord | undefined): HostDescriptors {
  return {
    ingress: ingress.map((_, index) => FIRST_DESCRIPTOR + index),
    admin: FIRST_DESCRIPTOR + ingress.length,
    backlog: BACKLOG,
    host: config.host,
    port,
    adminHost: config.adminHost,
    adminPort,
    // Behind the lock.
    ...(record === undefined ? {} : { workRecord: FIRST_DESCRIPTOR + ingress.length + 2 }),
  };
}

function excuseOf(supervisor: Supervisor): Excuse {
  const { phase } = supervisor.state;
  if (phase === 'stopping' || phase === 'ended') return { code: 'DRAINING', message: 'this host is stopping and takes no new requests', retryAfterS: 1 };
  return { code: 'RESTARTING', message: 'the host process is starting; try again soon', retryAfterS: supervisor.retryAfterS() };
}
