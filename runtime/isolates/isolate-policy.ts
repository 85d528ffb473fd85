// Which isolates start, which stop and whose turn it is, decided from a snapshot and nothing else. The rules it keeps: never
// more threads than the host may have; an isolate with a request is never stopped; who has waited longest gets the next place.

export interface IsolateView {
  readonly id: number;
  readonly role: 'serving' | 'spare';
  /** Requests that ingress threads have given it and that have not ended. */
  readonly inFlight: number;
  readonly lastUsedMs: number;
}

/** What a version waits for: `deploy` and `place` have somebody waiting, a `spare` is only worth having. */
export interface IsolateAsk {
  readonly kind: 'deploy' | 'place' | 'spare';
  /** Isolates, all or none. */
  readonly count: number;
  readonly sinceMs: number;
  /** How long it may wait for room. */
  readonly patienceMs: number;
}

export interface VersionView {
  readonly key: string;
  readonly function: string;
  /** Those that take requests, and the spare. */
  readonly isolates: readonly IsolateView[];
  /** Threads that are not ready yet, and such as have not ended yet. */
  readonly starting: number;
  readonly ending: number;
  readonly ask: IsolateAsk | undefined;
  /** `proving`: its golden requests are under way, nothing of it may stop. */
  readonly phase: 'proving' | 'in-use';
}

export interface IsolatesSnapshot {
  readonly nowMs: number;
  /** 0: never. */
  readonly isolateIdleMs: number;
  readonly isolatesMax: number;
  readonly versions: readonly VersionView[];
}

export type IsolateAction =
  | { readonly act: 'stop'; readonly key: string; readonly isolate: number; readonly why: 'idle' | 'room' }
  | { readonly act: 'start'; readonly key: string }
  /** `never`: the host's bound is below what it asks for. */
  | { readonly act: 'refuse'; readonly key: string; readonly why: 'never' | 'late' };

interface Candidate {
  readonly key: string;
  /** Of the function that asks. */
  readonly isOwn: boolean;
  readonly view: IsolateView;
  /** A spare is as old as the last request of its version. */
  readonly lastUsedMs: number;
}

export function nextActions(snapshot: IsolatesSnapshot): readonly IsolateAction[] {
  const idle = snapshot.versions.flatMap((version) => idleOf(version, snapshot));
  return [...idle, ...serveAsks(snapshot, new Set(idle.map(({ isolate }) => isolate)))];
}

/** Isolates that nothing came to for long; the spare goes with the last of them. */
function idleOf(version: VersionView, { nowMs, isolateIdleMs }: IsolatesSnapshot): readonly Extract<IsolateAction, { act: 'stop' }>[] {
  if (isolateIdleMs === 0 || version.starting > 0 || isKept(version)) return [];
  const serving = version.isolates.filter(({ role }) => role === 'serving');
  const unused = serving.filter((view) => view.inFlight === 0 && nowMs - view.lastUsedMs >= isolateIdleMs);
  const spares = unused.length === serving.length ? version.isolates.filter(({ role, inFlight }) => role === 'spare' && inFlight === 0) : [];
  return [...unused, ...spares].map(({ id }) => ({ act: 'stop', key: version.key, isolate: id, why: 'idle' }));
}

function serveAsks({ nowMs, isolatesMax, versions }: IsolatesSnapshot, stopped: Set<number>): readonly IsolateAction[] {
  const actions: IsolateAction[] = [];
  let free = isolatesMax - versions.reduce((sum, { isolates, starting, ending }) => sum + isolates.length + starting + ending, 0);
  // Places that are free as soon as threads have ended.
  let coming = versions.reduce((sum, { ending }) => sum + ending, 0) + stopped.size;
  for (const asker of inTurn(versions)) {
    const { key, ask } = asker;
    const { kind, count } = ask;
    if (count > isolatesMax && kind !== 'spare') {
      actions.push({ act: 'refuse', key, why: 'never' });
      continue;
    }
    if (free >= count) {
      free -= count;
      actions.push({ act: 'start', key });
      continue;
    }
    if (kind === 'spare') continue;
    const victims = leastRecentlyUsed(versions, asker, stopped).slice(0, Math.max(0, count - Math.max(0, free) - coming));
    const isEnough = Math.max(0, free) + coming + victims.length >= count;
    if (!isEnough && nowMs - ask.sinceMs >= ask.patienceMs) {
      actions.push({ act: 'refuse', key, why: 'late' });
      continue;
    }
    for (const { key: owner, view } of victims) {
      stopped.add(view.id);
      actions.push({ act: 'stop', key: owner, isolate: view.id, why: 'room' });
    }
    // What is free now or soon is kept for it: those behind it must not take it away.
    const fromFree = Math.min(Math.max(0, free), count);
    free -= fromFree;
    coming = Math.max(0, coming + victims.length - (count - fromFree));
  }
  return actions;
}

type AskingVersion = VersionView & { readonly ask: IsolateAsk };

function inTurn(versions: readonly VersionView[]): readonly AskingVersion[] {
  const asking = versions.flatMap((version) => (version.ask === undefined ? [] : [{ ...version, ask: version.ask }]));
  return asking.sort((a, b) => Number(a.ask.kind === 'spare') - Number(b.ask.kind === 'spare') || a.ask.sinceMs - b.ask.sinceMs);
}

/**
 * Isolates without a request, of other functions that nobody waits for. Of two that are as old the spare goes first. A deploy takes
 * also, at last, from the version that it replaces: else what fills half of the host could never be deployed again.
 */
function leastRecentlyUsed(versions: readonly VersionView[], asker: AskingVersion, stopped: ReadonlySet<number>): readonly Candidate[] {
  return versions.filter((version) => version.key !== asker.key && (version.function !== asker.function || asker.ask.kind === 'deploy') && !isKept(version))
    .flatMap(({ key, function: name, isolates }): Candidate[] => {
      const servingMs = isolates.flatMap((view) => (view.role === 'serving' ? [view.lastUsedMs] : []));
      const lastUsedMs = servingMs.length === 0 ? undefined : Math.max(...servingMs);
      return isolates.map((view) => ({ key, isOwn: name === asker.function, view, lastUsedMs: view.role === 'spare' ? lastUsedMs ?? view.lastUsedMs : view.lastUsedMs }));
    })
    .filter(({ view }) => view.inFlight === 0 && !stopped.has(view.id))
    .sort((a, b) => Number(a.isOwn) - Number(b.isOwn) || a.lastUsedMs - b.lastUsedMs || Number(b.view.role === 'spare') - Number(a.view.role === 'spare'));
}

function isKept({ phase, ask }: VersionView): boolean {
  return phase === 'proving' || (ask !== undefined && ask.kind !== 'spare');
}
