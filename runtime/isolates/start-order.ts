// Which functions a restarted host starts before it calls itself ready: those with pinned models, then those that ran when
// it was last seen, most recently used first, as many as it may have isolates for. The others wait for their first request.

export interface StartCandidate {
  readonly name: string;
  /** Isolates that its versions start with, their spares among them. */
  readonly isolates: number;
  /** It has a model that is always loaded. */
  readonly pinned: boolean;
}

/** `lastUsed`: names, most recently used first; undefined: nothing is remembered, so all that there is room for. */
export function startOrder(candidates: readonly StartCandidate[], lastUsed: readonly string[] | undefined, isolatesMax: number): readonly string[] {
  const place = new Map(lastUsed?.map((name, index) => [name, index]));
  const rank = ({ name, pinned }: StartCandidate): number => {
    if (pinned) return -1;
    return lastUsed === undefined ? 0 : place.get(name) ?? Infinity;
  };
  let free = isolatesMax;
  return candidates.map((candidate) => ({ candidate, rank: rank(candidate) }))
    .filter(({ rank: own }) => own < Infinity)
    .sort((a, b) => a.rank - b.rank)
    .filter(({ candidate }) => {
      free -= candidate.isolates;
      return free >= 0;
    })
    .map(({ candidate }) => candidate.name);
}

/** Names of those that run, most recently used first: what a host remembers for its next start. */
export function namesByUse(versions: readonly { readonly name: string; readonly lastUsedMs: number | undefined }[]): readonly string[] {
  const running = versions.flatMap(({ name, lastUsedMs }) => (lastUsedMs === undefined ? [] : [{ name, lastUsedMs }]));
  return [...new Set(running.sort((a, b) => b.lastUsedMs - a.lastUsedMs).map(({ name }) => name))];
}
