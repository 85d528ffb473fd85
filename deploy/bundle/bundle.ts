// A bundle: one version's files, named by content, as plain JSON that travels to a host. Its digest is the version.
import type { Manifest } from '../manifest/manifest.ts';

/** Where a bundle keeps the handler. */
export const HANDLER_PATH = 'handler.mjs';

export interface BundleFile {
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  readonly bytes: number;
}

export interface Bundle {
  readonly manifest: Manifest;
  /** By path inside the bundle: the handler, the models, warm inputs, golden bodies. */
  readonly files: Readonly<Record<string, BundleFile>>;
}

/** The version that a bundle is: 64 hexadecimal digits over its canonical JSON. */
export function bundleVersion(bundle: Bundle): string {
  throw new Error(`bug: not built yet: ${bundle.manifest.name}`);
}
