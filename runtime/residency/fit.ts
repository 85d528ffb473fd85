// Whether a version's pools have room on a device beside what is there, and what gives way where they have not: told before
// a deploy, decided from a snapshot and nothing else.
import type { DeviceName } from '../engine/port.ts';

export type FitPlan =
  /** All fit: nothing has to go before the new version is warm. */
  | { readonly kind: 'overlap' }
  /** All fit once these pools, of versions that stay, are given up; where that is still too little, the new ones take turns. */
  | { readonly kind: 'evict'; readonly pools: readonly string[] }
  /**
   * Only in the place of what leaving versions have loaded, so these pools go before the new ones are loaded and callers wait meanwhile,
   * for about `gapMs` (left out: nothing is known of how long loads take).
   */
  | { readonly kind: 'drain first'; readonly pools: readonly string[]; readonly gapMs?: number }
  /** The new ones do not fit at all: too large for the device, or for what pinned pools of versions that stay leave of it. */
  | { readonly kind: 'reject'; readonly what: string; readonly device: string; readonly needBytes: number; readonly haveBytes: number; readonly pinned: readonly string[] };

/** A pool that the version wants. */
export interface WantedPool {
  readonly key: string;
  readonly device: DeviceName;
  readonly binding: string;
  readonly bytes: number;
  readonly pinned: boolean;
  /** What its last load took, if there was one. */
  readonly loadMs?: number;
}

/** A pool that is on the device. */
export interface PresentPool {
  readonly key: string;
  /** For people: `digits' model DIGITS`. */
  readonly name: string;
  readonly bytes: number;
  /** What its load took. */
  readonly loadMs: number;
  readonly pinned: boolean;
  /** Declared by a version that does not leave. */
  readonly stays: boolean;
}

export interface FitSnapshot {
  readonly device: string;
  readonly wanted: readonly WantedPool[];
  /** First what is given up first. */
  readonly present: readonly PresentPool[];
  readonly budgetBytes: number;
  readonly freeBytes: number;
}

export function planFit({ device, wanted, present, budgetBytes, freeBytes }: FitSnapshot): FitPlan {
  const wantedKeys = new Set(wanted.map(({ key }) => key));
  const presentKeys = new Set(present.map(({ key }) => key));
  const beside = present.filter(({ key }) => !wantedKeys.has(key));
  const immovable = beside.filter(({ pinned, stays }) => pinned && stays);
  const haveBytes = budgetBytes - bytesOf(immovable);
  const pinned = wanted.filter((pool) => pool.pinned);
  const tooLarge = [...wanted].sort((a, b) => b.bytes - a.bytes).find(({ bytes }) => bytes > haveBytes);
  if (tooLarge !== undefined) return { kind: 'reject', what: tooLarge.binding, device, needBytes: tooLarge.bytes, haveBytes, pinned: namesOf(immovable) };
  if (bytesOf(pinned) > haveBytes) {
    return { kind: 'reject', what: pinned.map(({ binding }) => binding).join(', '), device, needBytes: bytesOf(pinned), haveBytes, pinned: namesOf(immovable) };
  }
  const missing = wanted.filter(({ key }) => !presentKeys.has(key));
  const missingBytes = bytesOf(missing) - freeBytes;
  if (missingBytes <= 0) return { kind: 'overlap' };
  const [leaving, others] = [beside.filter(({ stays }) => !stays), beside.filter((pool) => pool.stays && !pool.pinned)];
  const fromOthers = givenUp(others, missingBytes);
  if (leaving.length === 0 || bytesOf(fromOthers) >= missingBytes) return { kind: 'evict', pools: namesOf(fromOthers) };
  const gapMs = expectedLoadMs(missing, leaving);
  return { kind: 'drain first', pools: namesOf(givenUp([...leaving, ...others], missingBytes)), ...(gapMs === undefined ? {} : { gapMs }) };
}

/** By what each took before, or else by how fast the pools were loaded that it comes in the place of. */
function expectedLoadMs(missing: readonly WantedPool[], measured: readonly PresentPool[]): number | undefined {
  const [bytes, loadMs] = [bytesOf(measured), measured.reduce((sum, pool) => sum + pool.loadMs, 0)];
  const isKnown = bytes > 0 && loadMs > 0;
  if (!isKnown && missing.some((pool) => pool.loadMs === undefined)) return undefined;
  return Math.round(missing.reduce((sum, pool) => sum + (pool.loadMs ?? (pool.bytes * loadMs) / bytes), 0));
}

/** The first of them that bring so many bytes; all where they bring less. */
function givenUp(pools: readonly PresentPool[], bytes: number): readonly PresentPool[] {
  let left = bytes;
  return pools.filter((pool) => {
    const isNeeded = left > 0;
    if (isNeeded) left -= pool.bytes;
    return isNeeded;
  });
}

function namesOf(pools: readonly PresentPool[]): readonly string[] {
  return pools.map(({ name }) => name);
}

function bytesOf(pools: readonly { readonly bytes: number }[]): number {
  return pools.reduce((sum, { bytes }) => sum + bytes, 0);
}
