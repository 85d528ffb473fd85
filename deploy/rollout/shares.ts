// Arithmetic on the shares of a split: whole percents that sum to 100, before and after.
import { assert } from '../../runtime/errors.ts';
import type { Share } from '../../runtime/router/table.ts';

/** Each is loaded and has isolates of its own. */
export const SPLIT_VERSIONS_MAX = 4;

/** Gives `version` its percents, new or not; what the others have is scaled to the rest. */
export function withShare<T extends Share>(shares: readonly T[], version: string, percent: number): readonly (T | Share)[] {
  const others = scaled(shares.filter((share) => share.version !== version), 100 - percent);
  const own = shares.find((share) => share.version === version);
  return [...others, own === undefined ? { version, percent } : { ...own, percent }];
}

/** The shares of those versions, scaled to all of the traffic; none when none of them is there. */
export function sharesAmong<T extends Share>(shares: readonly T[], versions: ReadonlySet<string>): readonly T[] {
  return scaled(shares.filter(({ version }) => versions.has(version)), 100);
}

/** `3f2a9c1d 90 %, 77aa01bc 10 %` */
export function describeShares(shares: readonly Share[]): string {
  return shares.map(({ version, percent }) => `${version.slice(0, 8)} ${percent} %`).join(', ');
}

/** In proportion, in whole percents that sum to `total`; what rounding leaves goes to those that it cost most. Where nobody has anything, the first gets all. */
function scaled<T extends Share>(shares: readonly T[], total: number): readonly T[] {
  const sum = shares.reduce((all, { percent }) => all + percent, 0);
  if (sum === 0) return shares.map((share, index) => ({ ...share, percent: index === 0 ? total : 0 }));
  const exact = shares.map(({ percent }) => (percent * total) / sum);
  const left = total - exact.reduce((all, one) => all + Math.floor(one), 0);
  const byRest = exact.map((one, index) => ({ index, rest: one - Math.floor(one) })).sort((a, b) => b.rest - a.rest);
  const raised = new Set(byRest.slice(0, left).map(({ index }) => index));
  assert(left < shares.length || shares.length === 0, 'rounding leaves less than a percent for each share');
  return shares.map((share, index) => ({ ...share, percent: Math.floor(exact[index] ?? 0) + (raised.has(index) ? 1 : 0) }));
}
