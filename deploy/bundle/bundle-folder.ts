// Makes a bundle of a function's folder: reads the manifest, bundles the handler, hashes what the manifest names.
import type { Bundle } from './bundle.ts';

export type BundleContent = { readonly file: string } | { readonly bytes: Uint8Array };

export interface FolderBundle {
  readonly bundle: Bundle;
  readonly version: string;
  /** Where the bytes of each path are. */
  readonly contents: ReadonlyMap<string, BundleContent>;
  /** Lines for people: what esbuild warned about. */
  readonly warnings: readonly string[];
}

/** Throws BAD_MANIFEST, BAD_HANDLER (syntax, unresolved imports) or BAD_BUNDLE (a file that is missing or must not travel). */
export async function bundleFolder(folder: string): Promise<FolderBundle> {
  throw new Error(`bug: not built yet: ${folder}`);
}
