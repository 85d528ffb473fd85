// What is new in a route table against the one before: a switch costs an ingress thread what has changed, not what there is.
import type { RouteEntry, RouteTable, Share } from './table.ts';

/** All that a table says about one function. */
export interface FunctionRoutes {
  readonly function: string;
  /** Of all its versions; none: the function is gone. */
  readonly entries: readonly RouteEntry[];
  /** Empty where one version has all. */
  readonly shares: readonly Share[];
}

export interface TableChanges {
  readonly generation: number;
  readonly changed: readonly FunctionRoutes[];
}

export type RoutesByFunction = ReadonlyMap<string, FunctionRoutes>;

export function byFunction({ entries, splits }: RouteTable): RoutesByFunction {
  const shares = new Map(splits.map((split) => [split.function, split.shares]));
  const grouped = new Map<string, RouteEntry[]>();
  for (const entry of entries) {
    const others = grouped.get(entry.function);
    if (others === undefined) grouped.set(entry.function, [entry]);
    else others.push(entry);
  }
  return new Map([...grouped].map(([name, own]) => [name, { function: name, entries: own, shares: shares.get(name) ?? [] }]));
}

/** What turns `before` into `after`, function by function. */
export function changesBetween(before: RoutesByFunction, after: RoutesByFunction): readonly FunctionRoutes[] {
  const gone = [...before.keys()].filter((name) => !after.has(name)).map((name) => ({ function: name, entries: [], shares: [] }));
  return [...gone, ...[...after.values()].filter((routes) => !isSame(before.get(routes.function), routes))];
}

function isSame(before: FunctionRoutes | undefined, after: FunctionRoutes): boolean {
  if (before?.entries.length !== after.entries.length || before.shares.length !== after.shares.length) return false;
  return after.entries.every((entry, index) => isSameEntry(before.entries[index], entry))
    && after.shares.every(({ version, percent }, index) => version === before.shares[index]?.version && percent === before.shares[index]?.percent);
}

/** A refusal counts as new: its error was made anew, and there are few. */
function isSameEntry(before: RouteEntry | undefined, { version, pattern, refusal }: RouteEntry): boolean {
  if (before === undefined || refusal !== undefined || before.refusal !== undefined) return false;
  return version === before.version && (pattern === before.pattern || (pattern.path === before.pattern.path && pattern.method === before.pattern.method));
}
