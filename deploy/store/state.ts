// What is deployed, as plain data: the whole of what a host must remember.
import { assert } from '../../runtime/errors.ts';
import type { Share } from '../../runtime/router/table.ts';
import { isDigest } from '../bundle/bundle.ts';

export interface State {
  /** Grows with each commit; 0: nothing was ever deployed. */
  readonly generation: number;
  /** By function name. */
  readonly functions: NextFunctions;
}

/** What a commit is given back: the functions of the next state. */
export type NextFunctions = Readonly<Record<string, FunctionState>>;

export interface FunctionState {
  /** Has all traffic where there is no split; in a split, the version that had it before, so what a rollback brings back. */
  readonly current: string;
  /** Newest first; `commit` keeps those that serve and `versionsKept` more. */
  readonly history: readonly HistoryEntry[];
  /** Versions that serve side by side, the current one among them; two or more, whose percents sum to 100. Hosts that know no splits serve the current one. */
  readonly split?: readonly SplitShare[];
}

export interface SplitShare extends Share {
  /** Bounds that take the version's share away when it passes them, as the deploy has named them: `errors>1%`. */
  readonly abortIf?: readonly string[];
  /** Why its share was taken away. */
  readonly aborted?: string;
}

export interface HistoryEntry {
  readonly version: string;
  /** ISO 8601, UTC. */
  readonly deployedAt: string;
}

/** The versions that answer now, whether side by side or alone. */
export function sharesOf({ current, split }: FunctionState): readonly SplitShare[] {
  return split ?? [{ version: current, percent: 100 }];
}

/** The functions with histories cut to the newest `versionsKept` versions beside those that serve; those in `trimmed` are. */
export function trimHistories(functions: NextFunctions, trimmed: NextFunctions, versionsKept: number): NextFunctions {
  return Object.fromEntries(Object.entries(functions).map(([name, state]) => [name, state === trimmed[name] ? state : trimHistory(name, state, versionsKept)]));
}

/** Whether a state names a version at all. */
export function namesVersion(functions: NextFunctions, name: string, version: string): boolean {
  if (!Object.hasOwn(functions, name)) return false;
  const state = functions[name];
  return state !== undefined && [...sharesOf(state), ...state.history].some((entry) => entry.version === version);
}

function trimHistory(name: string, state: FunctionState, versionsKept: number): FunctionState {
  assert(/^[a-z][a-z0-9-]{0,62}$/.test(name), `a state names the function ${JSON.stringify(name)}`);
  const { current, history, split } = state;
  const shares = sharesOf(state);
  assert([...shares, ...history].every(({ version }) => isDigest(version)), `the state of ${name} names a version that is no digest`);
  assert(split === undefined || split.length > 1, `the split of ${name} is none`);
  assert(shares.some(({ version }) => version === current), `the current version of ${name} is not part of its split`);
  assert(shares.reduce((sum, { percent }) => sum + percent, 0) === 100, `the shares of ${name} do not sum to 100`);
  const serving = new Set(shares.map(({ version }) => version));
  assert(serving.size === shares.length, `the split of ${name} names a version twice`);
  const kept = new Set(serving);
  for (const { version } of history) {
    if (kept.size < serving.size + versionsKept) kept.add(version);
  }
  return { current, history: history.filter(({ version }) => kept.has(version)), ...(split === undefined ? {} : { split }) };
}
