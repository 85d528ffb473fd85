// Which pools a restarted host loads before it calls itself ready: pinned ones, then those that were resident when
// it was last seen, most recently used first, whether or not their functions run already. The others wait for the first request
// that wants them.

export interface LoadCandidate {
  readonly key: string;
  readonly pinned: boolean;
  /** A version that wants it has been started. */
  readonly started: boolean;
}

/** Keys. `lastUsed`: pool keys, most recently used first; undefined: nothing is remembered, so all that started versions want. */
export function loadOrder(pools: readonly LoadCandidate[], lastUsed: readonly string[] | undefined): readonly string[] {
  const place = new Map(lastUsed?.map((key, index) => [key, index]));
  const rank = ({ key, pinned, started }: LoadCandidate): number => {
    if (pinned) return -1;
    if (lastUsed === undefined) return started ? 0 : Infinity;
    return place.get(key) ?? Infinity;
  };
  return pools.map(({ key, ...about }) => ({ key, rank: rank({ key, ...about }) }))
    .filter(({ rank: own }) => own < Infinity)
    .sort((a, b) => a.rank - b.rank)
    .map(({ key }) => key);
}
