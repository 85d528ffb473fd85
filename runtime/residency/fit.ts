// Whether a version's pools have room on their device beside what is there, and what gives way where they have not: told before
// a deploy, decided from a snapshot and nothing else.

export type FitPlan =
  /** All fit: nothing has to go before the new version is warm. */
  | { readonly kind: 'overlap' }
  /** All fit once these pools, of other functions, are given up. */
  | { readonly kind: 'evict'; readonly pools: readonly string[] }
  /** Only without what the function has loaded now: its old version's models go for the new one's, and callers of the old one wait. */
  | { readonly kind: 'drain first' }
  /** The new ones do not fit at all: too large for the device, or for what is not pinned. */
  | { readonly kind: 'reject'; readonly what: string; readonly needBytes: number; readonly haveBytes: number };

/** A pool that the version wants. */
export interface WantedPool {
  readonly key: string;
  readonly binding: string;
  readonly bytes: number;
  readonly pinned: boolean;
}

/** A pool that is on the device. */
export interface PresentPool {
  readonly key: string;
  /** For people: `digits' model DIGITS`. */
  readonly name: string;
  readonly bytes: number;
  readonly pinned: boolean;
  /** Declared by other functions than the one that is asked for. */
  readonly isOthers: boolean;
}

export interface FitSnapshot {
  readonly wanted: readonly WantedPool[];
  /** First what is given up first. */
  readonly present: readonly PresentPool[];
  readonly budgetBytes: number;
  readonly freeBytes: number;
}

export function planFit({ wanted, present, budgetBytes, freeBytes }: FitSnapshot): FitPlan {
  const wantedKeys = new Set(wanted.map(({ key }) => key));
  const presentKeys = new Set(present.map(({ key }) => key));
  const others = present.filter(({ key, isOthers }) => isOthers && !wantedKeys.has(key));
  const haveBytes = budgetBytes - bytesOf(others.filter(({ pinned }) => pinned));
  const pinned = wanted.filter((pool) => pool.pinned);
  const tooLarge = [...wanted].sort((a, b) => b.bytes - a.bytes).find(({ bytes }) => bytes > haveBytes);
  if (tooLarge !== undefined) return { kind: 'reject', what: tooLarge.binding, needBytes: tooLarge.bytes, haveBytes };
  if (bytesOf(pinned) > haveBytes) {
    return { kind: 'reject', what: pinned.map(({ binding }) => binding).join(', '), needBytes: bytesOf(pinned), haveBytes };
  }
  let missingBytes = bytesOf(wanted.filter(({ key }) => !presentKeys.has(key))) - freeBytes;
  if (missingBytes <= 0) return { kind: 'overlap' };
  const given: string[] = [];
  for (const { name, bytes } of others.filter((pool) => !pool.pinned)) {
    given.push(name);
    missingBytes -= bytes;
    if (missingBytes <= 0) return { kind: 'evict', pools: given };
  }
  return { kind: 'drain first' };
}

function bytesOf(pools: readonly { readonly bytes: number }[]): number {
  return pools.reduce((sum, { bytes }) => sum + bytes, 0);
}
