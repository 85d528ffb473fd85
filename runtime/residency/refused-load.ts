// What to do when a device has refused a load for which its books had room: the model is larger than was expected, or others than this
// host hold what the books count as free. Decided from a snapshot and nothing else.

export interface RefusedLoad {
  /** Reserved for the load that was refused. */
  readonly reservedBytes: number;
  /** What it was measured to hold before: then somebody else has what is missing. Undefined: it was never loaded. */
  readonly knownBytes: number | undefined;
  /** What the device has free now. */
  readonly deviceFreeBytes: number;
  readonly budgetBytes: number;
  /** Of the budget, without what is pinned. */
  readonly haveBytes: number;
}

export type AfterRefusal =
  /** With so much reserved, which makes others give up theirs. */
  | { readonly act: 'again'; readonly bytes: number }
  /** It was alone on the whole device. */
  | { readonly act: 'never'; readonly leastBytes: number }
  /** Until others let go. */
  | { readonly act: 'fail' };

/** Every answer of `again` reserves more than before, at most all that there is: so it ends. */
export function afterRefusal({ reservedBytes, knownBytes, deviceFreeBytes, budgetBytes, haveBytes }: RefusedLoad): AfterRefusal {
  // One that did not fit into what is free is larger than that; how much nobody knows.
  const wanted = knownBytes === undefined ? 2 * Math.max(reservedBytes, deviceFreeBytes) : knownBytes + Math.max(0, knownBytes - deviceFreeBytes);
  const next = Math.min(wanted, haveBytes);
  if (next > reservedBytes) return { act: 'again', bytes: next };
  return knownBytes === undefined && deviceFreeBytes >= budgetBytes ? { act: 'never', leastBytes: deviceFreeBytes + 1 } : { act: 'fail' };
}
