// A bundle: one version's files, named by content, as plain JSON that travels to a host. Its digest is the version.
import { createHash } from 'node:crypto';
import type { Manifest } from '../manifest/manifest.ts';
import { canonicalJson } from './canonical-json.ts';

/** Where a bundle keeps the handler. */
export const HANDLER_PATH = 'handler.mjs';

export const BUNDLE_LIMITS = {
  files: 10_000,
  fileBytes: 64 * 1024 ** 3,
  totalBytes: 256 * 1024 ** 3,
} as const;

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
  return createHash('sha256').update(canonicalJson({ manifest: bundle.manifest, files: bundle.files })).digest('hex');
}

export function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
