// What is given up so that a pool finds room: decided from a snapshot and nothing else. The rule it keeps: what is pinned,
// held, loading or freshly loaded stays, and nothing goes unless all that is needed can go.

export interface Candidate {
  readonly key: string;
  readonly bytes: number;
  /** Why it must stay now: jobs or leases hold it, or its minimum residency ends at the stamp `freshUntilMs`. */
  readonly stays?: 'held' | { readonly freshUntilMs: number };
}

export interface RoomSnapshot {
  readonly needBytes: number;
  readonly freeBytes: number;
  readonly budgetBytes: number;
  /** Held by pinned pools: no waiting gives them back. */
  readonly pinnedBytes: number;
  /** Promised to or held by loads under way. */
  readonly loadingBytes: number;
  /** First what is to be given up first; asked only as far as needed. */
  readonly candidates: Iterable<Candidate>;
}

export type RoomDecision =
  | { readonly act: 'take' }
  | { readonly act: 'evict'; readonly keys: readonly string[] }
  /** Room comes by itself: when loads under way have ended, and at `untilMs` at the latest if that is given. */
  | { readonly act: 'wait'; readonly for: 'time'; readonly untilMs?: number }
  /** Room comes when handlers let go. */
  | { readonly act: 'wait'; readonly for: 'holders' }
  /** No waiting helps: the device is too small, or pinned pools leave too little. */
  | { readonly act: 'refuse'; readonly because: 'size' | 'pinned' };

export function decideRoom(snapshot: RoomSnapshot): RoomDecision {
  const { needBytes, freeBytes, budgetBytes, pinnedBytes, loadingBytes } = snapshot;
  if (needBytes <= freeBytes) return { act: 'take' };
  if (needBytes > budgetBytes) return { act: 'refuse', because: 'size' };
  if (needBytes > budgetBytes - pinnedBytes) return { act: 'refuse', because: 'pinned' };
  const victims: Candidate[] = [];
  let missingBytes = needBytes - freeBytes;
  let untilMs: number | undefined;
  for (const candidate of snapshot.candidates) {
    if (missingBytes <= 0) break;
    if (candidate.stays === undefined) {
      victims.push(candidate);
      missingBytes -= candidate.bytes;
    } else if (candidate.stays !== 'held') {
      untilMs = Math.min(untilMs ?? Infinity, candidate.stays.freshUntilMs);
    }
  }
  if (missingBytes <= 0) return { act: 'evict', keys: withoutNeedless(victims, -missingBytes) };
  if (untilMs !== undefined) return { act: 'wait', for: 'time', untilMs };
  return loadingBytes > 0 ? { act: 'wait', for: 'time' } : { act: 'wait', for: 'holders' };
}

/** Spares, the most valuable first, those that the others make needless: together they free `surplusBytes` more than is needed. */
function withoutNeedless(victims: readonly Candidate[], surplusBytes: number): readonly string[] {
  const kept: string[] = [];
  let surplus = surplusBytes;
  for (const { key, bytes } of victims.toReversed()) {
    if (bytes <= surplus) surplus -= bytes;
    else kept.unshift(key);
  }
  return kept;
}
