// The host's check of a bundle that somebody sent, before anything is written for it.
import type { Bundle } from './bundle.ts';

/** Gives the bundle, frozen, or throws BAD_BUNDLE (paths, digests, counts, sizes) or BAD_MANIFEST. */
export function checkBundle(received: unknown): Bundle {
  throw new Error(`bug: not built yet: ${typeof received}`);
}
