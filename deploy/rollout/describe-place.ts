// What a placement says to people.
import type { Placement } from '../../runtime/residency/placement.ts';
import { countOf } from './count-of.ts';

/** `M is on gpu:0 with 8 slots: (14.4 GiB - ...) / 1.1 GiB a slot = 10, at most 8 on a GPU` */
export function describePlace(binding: string, { device, slots, slotsBecause }: Pick<Placement, 'device' | 'slots' | 'slotsBecause'>): string {
  return `${binding} is on ${device} with ${countOf(slots, 'slot')}${slotsBecause === undefined ? '' : `: ${slotsBecause}`}`;
}

/** One line for each device that is too small; none where there is no other than the one that it got. */
export function describeTooLarge({ device: taken, tooLarge }: Pick<Placement, 'device' | 'tooLarge'>): readonly string[] {
  return tooLarge.filter(({ device }) => device !== taken).map(({ device, needBytes, haveBytes }) => `${device}: it needs ${mib(needBytes)} and may have ${mib(haveBytes)}`);
}

/** Why the models of a version are not on other devices, in one part of a sentence for each. */
export function describeElsewhere(expected: readonly { readonly binding: string; readonly placement: Placement }[]): readonly string[] {
  return expected.flatMap(({ binding, placement }) => describeTooLarge(placement).map((line) => `${binding} not on ${line}`));
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
