// Whom a restarted host holds to be the cause of the deaths before it: a pure function from what was believed and how the last
// host died. A version that was at work when the process died of a fault is a suspect; one that was in several deaths in a
// row is quarantined. Of several that were, one at a time: the others may only have been near.
import type { HostDeath } from '../../runtime/supervisor/messages.ts';

/**
 * Deaths in a row that quarantine a version. Two can be chance beside a guilty one, since a suspect is restored last, alone and
 * without loading; each death more costs all functions a restart.
 */
export const DEATHS_MAX = 3;

export interface Suspect {
  /** `digits@3f2a9c1d` */
  readonly label: string;
  readonly state: 'suspect' | 'quarantined';
  /** In a row, each with this version at work. */
  readonly deaths: number;
  /** Completes "the host ...", of the last of them. */
  readonly cause: string;
}

export interface Deaths {
  /** Of the host before this one; undefined: the supervisor has just been started. */
  readonly lastDeath: HostDeath | undefined;
  readonly deathsInRow: number;
}

/** Who is quarantined stays so. Suspects that the last death does not name are suspects no more. */
export function judge(before: readonly Suspect[], { lastDeath, deathsInRow }: Deaths): readonly Suspect[] {
  const quarantined = before.filter(({ state }) => state === 'quarantined');
  if (lastDeath === undefined) return quarantined;
  const named = namedBy(lastDeath).filter((label) => !quarantined.some((one) => one.label === label));
  const suspects = named.map((label): Suspect => {
    const known = deathsInRow > 1 ? before.find((one) => one.label === label)?.deaths ?? 0 : 0;
    return { label, state: 'suspect', deaths: known + 1, cause: lastDeath.cause };
  });
  const guilty = suspects.findLast(({ deaths }) => deaths >= DEATHS_MAX);
  return [...quarantined, ...suspects.map((one): Suspect => (one === guilty ? { ...one, state: 'quarantined' } : one))];
}

/** The likeliest last. What is known exactly clears all others. Killed from outside, what merely answered requests is not to blame; a load may have taken all memory. */
function namedBy({ by, blamed, running, preparing }: HostDeath): readonly string[] {
  if (blamed.length > 0) return blamed;
  const requests = by === 'fault' ? running.filter((label) => !preparing.includes(label)) : [];
  return [...requests, ...preparing];
}
