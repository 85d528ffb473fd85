// Drives policy.ts: feeds it what happens to the host process, does what it says. Holds the state, the timers
// and the one live host; decides nothing itself.
import type { Clock, Timer } from '../clock.ts';
import type { AnswerScope } from './answerer.ts';
import type { HostDeathNotice, HostListener, HostProcess } from './host-process.ts';
import type { FromHost, HostDeath, PoolClaim, ToHost } from './messages.ts';
import { firstStep, nextStep, retryDelayMs } from './policy.ts';
import type { End, PolicyLimits, Step, SupervisorAction, SupervisorEvent, SupervisorState } from './policy.ts';
import { blamedFor, type Work } from './work-record.ts';

export const TICK_MS = 1000;

export type SupervisorLog = (level: 'info' | 'warn' | 'error', event: string, text: string) => void;

export interface SupervisorParts {
  readonly limits: PolicyLimits;
  readonly clock: Clock;
  readonly log: SupervisorLog;
  readonly launch: (listener: HostListener) => HostProcess;
  /** The first message to each host, but for what only this class knows. */
  readonly start: Omit<ToHost & { type: 'start' }, 'type' | 'deathsInRow' | 'lastDeath'>;
  /** What the dead host's native threads were doing; absent where that cannot be known. */
  readonly takeWork?: () => Work;
  readonly answerer: { open(scope: AnswerScope): void; close(): void; finish(): Promise<void> };
}

export class Supervisor {
  /** Resolves when a host is ready for the first time; never when none ever is. */
  readonly ready: Promise<void>;
  /** Resolves when no host lives and nobody listens any more. */
  readonly ended: Promise<End>;
  readonly #parts: SupervisorParts;
  readonly #timers = new Map<string, Timer>();
  #state: SupervisorState;
  #host: HostProcess | undefined;
  #lastDeath: HostDeath | undefined;
  #readyAtMs: number | undefined;
  /** Pools by label. */
  readonly #claims = new Map<string, readonly number[]>();
  #tellReady: () => void = () => {};
  #tellEnded: (end: End) => void = () => {};

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.ready = new Promise((resolve) => (this.#tellReady = resolve));
    this.ended = new Promise((resolve) => (this.#tellEnded = resolve));
    const first = firstStep(parts.limits);
    this.#state = first.state;
    this.#arm('tick', TICK_MS, () => this.#tick());
    this.#take(first);
  }

  /** The first time the host may drain, the second time all ends at once. */
  stop(signalNumber: number): void {
    this.#happen({ type: 'stop', signalNumber });
  }

  get state(): SupervisorState {
    return this.#state;
  }

  get hostPid(): number | undefined {
    return this.#host?.pid;
  }

  /** Seconds after which a client that finds no host may try again. */
  retryAfterS(): number {
    if (this.#state.phase !== 'waiting') return 1;
    return Math.max(1, Math.ceil(retryDelayMs(this.#state.deathsInRow, this.#parts.limits) / 1000));
  }

  /** For the exit of this process: no host may outlive it. */
  killHost(): void {
    this.#host?.kill();
  }

  #happen(event: SupervisorEvent): void {
    this.#take(nextStep(this.#state, event, this.#parts.limits));
  }

  #take({ state, actions }: Step): void {
    this.#state = state;
    for (const action of actions) this.#act(action);
  }

  #act(action: SupervisorAction): void {
    switch (action.do) {
      case 'spawn': return this.#spawn();
      case 'kill': return this.#host?.kill();
      case 'grant': return this.#host?.send({ type: 'granted' });
      case 'tellStop': return this.#host?.send({ type: 'stop' });
      case 'answer': return this.#answer();
      case 'fallSilent': return this.#parts.answerer.close();
      case 'arm': return this.#arm(action.timer, action.afterMs, () => this.#happen({ type: action.timer }));
      case 'log': return this.#parts.log(action.level, action.event, action.text);
      case 'end': return this.#end(action.end, action.waiting);
    }
  }

  #answer(): void {
    this.#parts.answerer.open(this.#state.phase === 'stopping' ? 'functions' : 'all');
  }

  #spawn(): void {
    const { launch, start } = this.#parts;
    const host: HostProcess = launch({
      message: (message) => this.#hear(message),
      died: (notice) => this.#bury(notice),
    });
    this.#host = host;
    const { deathsInRow } = this.#state;
    host.send({ type: 'start', ...start, deathsInRow, ...(this.#lastDeath === undefined ? {} : { lastDeath: this.#lastDeath }) });
  }

  #hear(message: FromHost): void {
    if (message.type === 'claims') return this.#claim(message);
    this.#happen(message);
    if (message.type !== 'ready' || this.#state.phase !== 'serving') return;
    this.#readyAtMs = this.#parts.clock.nowMs();
    this.#tellReady();
  }

  #claim({ label, pools }: PoolClaim): void {
    if (pools.length === 0) this.#claims.delete(label);
    else this.#claims.set(label, pools);
  }

  #bury({ cause, exitCode, by }: HostDeathNotice): void {
    const { killedFor, activity } = this.#state;
    const work = this.#parts.takeWork?.();
    const blamed = work === undefined || by === 'other' || killedFor !== undefined ? [] : blamedFor(work, this.#claims, activity);
    const servedMs = this.#readyAtMs === undefined ? 0 : this.#parts.clock.nowMs() - this.#readyAtMs;
    this.#lastDeath = { cause: killedFor ?? cause, by: killedFor === undefined ? by : 'other', blamed, ...activity };
    this.#claims.clear();
    this.#host = undefined;
    this.#readyAtMs = undefined;
    this.#happen({ type: 'died', cause, exitCode, servedMs, blamed });
  }

  #tick(): void {
    this.#arm('tick', TICK_MS, () => this.#tick());
    // Again, should it have failed for want of descriptors.
    if (this.#state.acceptor === 'supervisor') this.#answer();
    this.#happen({ type: 'tick' });
  }

  #arm(name: string, afterMs: number, work: () => void): void {
    this.#timers.get(name)?.cancel();
    this.#timers.set(name, this.#parts.clock.after(afterMs, work));
  }

  #end(end: End, waiting: 'answer' | 'cut'): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    if (waiting === 'answer') {
      void this.#parts.answerer.finish().then(() => this.#tellEnded(end));
      return;
    }
    this.#parts.answerer.close();
    this.#tellEnded(end);
  }
}
