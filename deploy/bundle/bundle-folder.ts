// Makes a bundle of a function's folder: reads the manifest, bundles the handler, hashes what the manifest names.
// The same content gives the same bundle, wherever the folder and the packages beside it stand.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { PilotlightError } from '../../runtime/errors.ts';
import { sidecarPathOf } from '../engine/sidecar.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { backendOf } from '../manifest/model-files.ts';
import { readManifest } from '../manifest/read-manifest.ts';
import { BUNDLE_LIMITS, bundleVersion, HANDLER_PATH, type Bundle, type BundleFile } from './bundle.ts';
import { bundleHandler } from './bundle-handler.ts';
import { checkBundle, namedFiles } from './check-bundle.ts';
import { hashFile, listCandidates } from './folder-files.ts';
import { warmInputPaths } from './warm-inputs.ts';

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
  const { manifest } = await readManifest(folder);
  const root = await realpath(folder);
  const contents = new Map<string, BundleContent>();
  const files: Record<string, BundleFile> = Object.create(null) as Record<string, BundleFile>;
  await hashFile(root, manifest.main, 'main');
  const handler = await bundleHandler(root, manifest.main);
  contents.set(HANDLER_PATH, { bytes: handler.bytes });
  files[HANDLER_PATH] = { sha256: createHash('sha256').update(handler.bytes).digest('hex'), bytes: handler.bytes.length };
  for (const [inner, field] of await filesToTake(root, manifest)) {
    files[inner] = await hashFile(root, inner, field);
    contents.set(inner, { file: path.join(root, inner) });
  }
  const bundle = checkBundle({ manifest, files });
  return { bundle, version: bundleVersion(bundle), contents, warnings: handler.warnings };
}

/** Paths but for the handler, each with the field that names it. */
async function filesToTake(root: string, manifest: Manifest): Promise<Map<string, string>> {
  const taken = new Map<string, string>();
  for (const { path: inner, field } of namedFiles(manifest)) {
    if (inner === HANDLER_PATH) continue;
    taken.set(inner, field);
    const beside = sidecarPathOf(inner);
    if (backendOf(inner) === 'tensorrt' && existsSync(path.join(root, beside))) taken.set(beside, field);
  }
  for (const [binding, model] of Object.entries(manifest.models)) {
    const field = `models.${binding}.warm.inputs`;
    for (const glob of model.warm.inputs) {
      for (const inner of warmInputPaths([glob], await listCandidates(root, glob))) taken.set(inner, field);
      // Before a million files are hashed.
      if (taken.size >= BUNDLE_LIMITS.files) {
        throw new PilotlightError('BAD_BUNDLE', `${field}: ${glob} leads to more than ${BUNDLE_LIMITS.files} files; warm with fewer samples`);
      }
    }
  }
  return taken;
}
