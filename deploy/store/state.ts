// What is deployed, as plain data: the whole of what a host must remember.
import { assert } from '../../runtime/errors.ts';
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
  readonly current: string;
  /** Newest first; `commit` keeps `versionsKept` distinct versions, the current one always. */
  readonly history: readonly HistoryEntry[];
}

export interface HistoryEntry {
  readonly version: string;
  /** ISO 8601, UTC. */
  readonly deployedAt: string;
}

/** The functions with histories cut to the newest `versionsKept` versions and the current one; those in `trimmed` are. */
export function trimHistories(functions: NextFunctions, trimmed: NextFunctions, versionsKept: number): NextFunctions {
  return Object.fromEntries(Object.entries(functions).map(([name, state]) => [name, state === trimmed[name] ? state : trimHistory(name, state, versionsKept)]));
}

/** Whether a state names a version at all. */
export function namesVersion(functions: NextFunctions, name: string, version: string): boolean {
  if (!Object.hasOwn(functions, name)) return false;
  return functions[name]?.current === version || functions[name]?.history.some((entry) => entry.version === version) === true;
}

function trimHistory(name: string, { current, history }: FunctionState, versionsKept: number): FunctionState {
  assert(/^[a-z][a-z0-9-]{0,62}$/.test(name), `a state names the function ${JSON.stringify(name)}`);
  assert(isDigest(current) && history.every((entry) => isDigest(entry.version)), `the state of ${name} names a version that is no digest`);
  const kept = new Set([current]);
  for (const { version } of history) {
    if (kept.size < versionsKept) kept.add(version);
  }
  return { current, history: history.filter(({ version }) => kept.has(version)) };
}
