// Which of a function's versions answers a request: pure choices from shares. A key keeps its version while that version's
// share grows, because each version draws a lot of its own for the key and the share only weighs it: a share that is
// raised betters this version's lots and no other's (rendezvous hashing with weights).
import { assert } from '../errors.ts';
import type { Share } from './table.ts';

/** `point`: 0 or more, less than 1; an even random number spreads requests by the shares. */
export function chooseByPoint<T extends Share>(shares: readonly T[], point: number): T {
  let left = point * 100;
  let chosen: T | undefined;
  for (const share of shares) {
    if (share.percent === 0) continue;
    chosen = share;
    left -= share.percent;
    if (left < 0) break;
  }
  assert(chosen !== undefined, 'no version of a split has a share');
  return chosen;
}

/** The same key and shares give the same version on every thread and host. */
export function chooseByKey<T extends Share>(shares: readonly T[], key: string): T {
  const hash = hashOf(key);
  let best: T | undefined;
  let bestDraw = Infinity;
  for (const share of shares) {
    if (share.percent === 0) continue;
    const draw = -Math.log(lotOf(hash, share.version)) / share.percent;
    if (best !== undefined && draw >= bestDraw) continue;
    best = share;
    bestDraw = draw;
  }
  assert(best !== undefined, 'no version of a split has a share');
  return best;
}

/** FNV-1a. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return hash;
}

/** Even between 0 and 1, both excluded. The digest's digits tell versions apart, MurmurHash3's last steps mix them with the key. */
function lotOf(hash: number, version: string): number {
  let mixed = hash ^ Number.parseInt(version.slice(0, 8), 16);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (((mixed ^ (mixed >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}
