// What the choice of a variant says to people.
import type { PassedVariant, TakenVariant } from '../../runtime/records.ts';

/** In one line. */
export function describeVariant(binding: string, { path, passed }: TakenVariant): string {
  return `${binding} is ${path}${passed.length === 0 ? '' : ` (${passed.map((one) => `not ${describePassed(one)}`).join(', ')})`}`;
}

export function describePassed({ path, reason }: PassedVariant): string {
  return `${path}: ${reason}`;
}
