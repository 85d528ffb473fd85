// What the supervisor does when something happens to its host: a pure function from state and event to the
// next state and a list of actions. It keeps two rules: at most one of host and supervisor takes connections,
// and a host that dies is started again, ever more slowly while it keeps dying.

import type { Activity } from './messages.ts';

/** starting: a host lives and is not ready. waiting: none lives, the next start is due later. */
export type Phase = 'starting' | 'serving' | 'waiting' | 'stopping' | 'ended';

/** Who takes connections. While nobody does they wait in the kernel. */
export type Acceptor = 'nobody' | 'supervisor' | 'host';

export interface SupervisorState {
  readonly phase: Phase;
  readonly acceptor: Acceptor;
  /** Whether any host has been ready: one that ends by itself before is broken, not unlucky. */
  readonly wasReady: boolean;
  readonly deathsInRow: number;
  /** Ticks since the last beat; below 0 before the first. Counted, not measured: after a pause of the whole machine one tick is due, not ten. */
  readonly silentTicks: number;
  readonly activity: Activity;
  /** Why we killed the host, until its death arrives. */
  readonly killedFor: string | undefined;
  /** Told by the host before its death: ends us too. */
  readonly fatal: End | undefined;
}

export interface End {
  readonly exitCode: number;
  /** For people, on standard error; absent when all went as asked. */
  readonly message?: string;
}

export type SupervisorEvent =
  | { readonly type: 'died'; readonly cause: string; readonly exitCode: number | null; readonly servedMs: number; readonly blamed: readonly string[] }
  | { readonly type: 'beat' | 'tick' | 'claim' | 'ready' | 'released' | 'quarantined' | 'retryDue' | 'answerDue' | 'stopDue' }
  | ({ readonly type: 'activity' } & Activity)
  | { readonly type: 'giveUp'; readonly reason: string }
  | { readonly type: 'fatal'; readonly message: string; readonly exitCode: number }
  | { readonly type: 'stop'; readonly signalNumber: number };

export type SupervisorAction =
  | { readonly do: 'spawn' | 'kill' | 'grant' | 'tellStop' | 'answer' | 'fallSilent' }
  | { readonly do: 'arm'; readonly timer: 'retryDue' | 'answerDue' | 'stopDue'; readonly afterMs: number }
  | { readonly do: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly event: string; readonly text: string }
  /** `waiting`: connections in the kernel that no host will take any more. */
  | { readonly do: 'end'; readonly end: End; readonly waiting: 'answer' | 'cut' };

/** Durations in milliseconds. */
export interface PolicyLimits {
  readonly restartWaitMs: number;
  readonly silentTicksMax: number;
  /** More of them until the first beat: a process that starts on a starved machine reads its modules for long. */
  readonly startTicks: number;
  /** From the first signal to SIGKILL. */
  readonly stopMs: number;
  /** A host that served for so long had not died in a row with its predecessor. */
  readonly stableMs: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
}

/** Of a host that has told nothing yet. */
const IDLE: Activity = { running: [], preparing: [] };

export interface Step {
  readonly state: SupervisorState;
  readonly actions: readonly SupervisorAction[];
}

export function firstStep(limits: PolicyLimits): Step {
  const state: SupervisorState = {
    phase: 'starting', acceptor: 'nobody', wasReady: false, deathsInRow: 0, silentTicks: -limits.startTicks, activity: IDLE, killedFor: undefined,
    fatal: undefined,
  };
  return { state, actions: [{ do: 'arm', timer: 'answerDue', afterMs: limits.restartWaitMs }, { do: 'spawn' }] };
}

export function nextStep(state: SupervisorState, event: SupervisorEvent, limits: PolicyLimits): Step {
  if (state.phase === 'ended') return { state, actions: [] };
  switch (event.type) {
    case 'beat': return { state: { ...state, silentTicks: 0 }, actions: [] };
    case 'tick': return afterTick(state, limits);
    case 'activity': return { state: { ...state, activity: { running: event.running, preparing: event.preparing } }, actions: [] };
    case 'quarantined': return { state: { ...state, deathsInRow: 0 }, actions: [] };
    case 'claim': return afterClaim(state);
    case 'ready': return afterReady(state);
    case 'released': return afterRelease(state);
    case 'giveUp': return kill(state, event.reason);
    case 'fatal': return { state: { ...state, fatal: { exitCode: event.exitCode, message: event.message } }, actions: [] };
    case 'died': return afterDeath(state, event, limits);
    case 'retryDue': return state.phase === 'waiting' ? spawn(state, limits) : { state, actions: [] };
    case 'answerDue': return afterAnswerDue(state);
    case 'stopDue': return kill(state, `did not stop within ${limits.stopMs} ms`);
    case 'stop': return afterStop(state, event.signalNumber, limits);
  }
}

/** 0 for the first death, then doubling. */
export function retryDelayMs(deathsInRow: number, limits: PolicyLimits): number {
  if (deathsInRow <= 1) return 0;
  return Math.min(limits.retryMaxMs, limits.retryFirstMs * 2 ** Math.min(deathsInRow - 2, 30));
}

function afterTick(state: SupervisorState, limits: PolicyLimits): Step {
  if (state.phase === 'waiting') return { state, actions: [] };
  const silentTicks = state.silentTicks + 1;
  if (silentTicks < limits.silentTicksMax) return { state: { ...state, silentTicks }, actions: [] };
  return kill(state, `gave no sign of life for ${limits.silentTicksMax} s`);
}

function afterClaim(state: SupervisorState): Step {
  // One that is being stopped must not begin to listen.
  if (state.phase !== 'starting' || state.acceptor === 'host') return { state, actions: [] };
  const silence: SupervisorAction[] = state.acceptor === 'supervisor' ? [{ do: 'fallSilent' }] : [];
  return { state: { ...state, acceptor: 'host' }, actions: [...silence, { do: 'grant' }] };
}

function afterReady(state: SupervisorState): Step {
  if (state.phase !== 'starting') return { state, actions: [] };
  return { state: { ...state, phase: 'serving', wasReady: true }, actions: [log('info', 'host.ready', 'the host is ready')] };
}

function afterRelease(state: SupervisorState): Step {
  if (state.phase !== 'stopping' || state.acceptor !== 'host') return { state, actions: [] };
  return { state: { ...state, acceptor: 'supervisor' }, actions: [{ do: 'answer' }] };
}

function afterAnswerDue(state: SupervisorState): Step {
  if (state.acceptor !== 'nobody' || state.phase === 'stopping') return { state, actions: [] };
  const text = 'no host takes connections yet; they are answered 503 until one does';
  return { state: { ...state, acceptor: 'supervisor' }, actions: [{ do: 'answer' }, log('warn', 'supervisor.answers', text)] };
}

function afterStop(state: SupervisorState, signalNumber: number, limits: PolicyLimits): Step {
  if (state.phase === 'waiting') return end(state, { exitCode: 0 });
  if (state.phase === 'stopping') {
    const forced: End = { exitCode: 128 + signalNumber, message: 'stopped at once by a second signal' };
    return { state: { ...state, phase: 'ended' }, actions: [{ do: 'kill' }, { do: 'end', end: forced, waiting: 'cut' }] };
  }
  return {
    state: { ...state, phase: 'stopping' },
    actions: [{ do: 'tellStop' }, { do: 'arm', timer: 'stopDue', afterMs: limits.stopMs }, log('info', 'supervisor.stops', 'the host is told to stop')],
  };
}

function afterDeath(state: SupervisorState, death: SupervisorEvent & { type: 'died' }, limits: PolicyLimits): Step {
  const cause = state.killedFor === undefined ? death.cause : `${state.killedFor} and was killed`;
  if (state.fatal !== undefined) return end(state, state.fatal);
  if (state.phase === 'stopping') {
    // Terminals and service managers signal the whole group: a host that has not begun to listen dies of it, with nothing to lose.
    const diedOfStop = death.exitCode === null && state.killedFor === undefined && state.acceptor === 'nobody';
    return end(state, death.exitCode === 0 || diedOfStop ? { exitCode: 0 } : { exitCode: 1, message: `while stopping, the host ${cause}` });
  }
  if (!state.wasReady && death.exitCode !== null) {
    return end(state, { exitCode: death.exitCode || 1, message: `the host ${cause} before it was ready for the first time` });
  }
  return restart(state, { ...death, cause }, limits);
}

function restart(state: SupervisorState, { cause, servedMs, blamed }: SupervisorEvent & { type: 'died' }, limits: PolicyLimits): Step {
  const deathsInRow = servedMs >= limits.stableMs ? 1 : state.deathsInRow + 1;
  const delayMs = retryDelayMs(deathsInRow, limits);
  const arms: SupervisorAction[] = state.acceptor === 'host' ? [{ do: 'arm', timer: 'answerDue', afterMs: limits.restartWaitMs }] : [];
  const down: SupervisorState = { ...state, deathsInRow, phase: 'waiting', acceptor: state.acceptor === 'host' ? 'nobody' : state.acceptor };
  const news = log('error', 'host.died', describeDeath({ cause, during: describeActivity(state.activity, blamed), deathsInRow, delayMs }));
  if (delayMs > 0) return { state: down, actions: [news, ...arms, { do: 'arm', timer: 'retryDue', afterMs: delayMs }] };
  const { state: started, actions } = spawn(down, limits);
  return { state: started, actions: [news, ...arms, ...actions] };
}

function spawn(state: SupervisorState, limits: PolicyLimits): Step {
  return { state: { ...state, phase: 'starting', silentTicks: -limits.startTicks, activity: IDLE, killedFor: undefined }, actions: [{ do: 'spawn' }] };
}

function kill(state: SupervisorState, reason: string): Step {
  if (state.phase === 'waiting' || state.killedFor !== undefined) return { state, actions: [] };
  return { state: { ...state, killedFor: reason }, actions: [{ do: 'kill' }] };
}

function end(state: SupervisorState, how: End): Step {
  return { state: { ...state, phase: 'ended' }, actions: [{ do: 'end', end: how, waiting: 'answer' }] };
}

function log(level: 'info' | 'warn' | 'error', event: string, text: string): SupervisorAction {
  return { do: 'log', level, event, text };
}

function describeActivity({ running, preparing }: Activity, blamed: readonly string[]): string {
  if (blamed.length > 0) return ` in a model of ${blamed.join(' or ')}`;
  return [
    ...(preparing.length === 0 ? [] : [` while preparing ${preparing.join(', ')}`]),
    ...(running.length === 0 ? [] : [` while running ${running.join(', ')}`]),
  ].join(' and');
}

interface Told {
  readonly cause: string;
  readonly during: string;
  readonly deathsInRow: number;
  readonly delayMs: number;
}

function describeDeath({ cause, during, deathsInRow, delayMs }: Told): string {
  const row = deathsInRow === 1 ? '' : ` (death ${deathsInRow} in a row)`;
  return `the host ${cause}${during}${row}; it is started again ${delayMs === 0 ? 'at once' : `in ${delayMs} ms`}`;
}
