// The host's check of a bundle that somebody sent, before anything is written for it: every path stays inside,
// no two files fall together on any file system, sizes and counts are bounded, and all that the manifest names is there.
import { PilotlightError } from '../../runtime/errors.ts';
import { deepFreeze } from '../manifest/deep-freeze.ts';
import { foldPath, whyNotInside } from '../manifest/inner-path.ts';
import { parseManifest, type Manifest } from '../manifest/manifest.ts';
import { shown } from '../manifest/manifest-text.ts';
import { namedModelFiles } from '../manifest/model-files.ts';
import { BUNDLE_LIMITS, HANDLER_PATH, isDigest, type Bundle, type BundleFile } from './bundle.ts';
import { warmInputPaths } from './warm-inputs.ts';

/** Gives the bundle, frozen, or throws BAD_BUNDLE (paths, digests, counts, sizes) or BAD_MANIFEST. */
export function checkBundle(received: unknown): Bundle {
  if (!isObject(received)) throw refuse(`a bundle is an object with manifest and files, found ${shown(received)}`);
  for (const key of Object.keys(received)) {
    if (key !== 'manifest' && key !== 'files') throw refuse(`a bundle has manifest and files, found ${shown(key)}`);
  }
  const files = checkFiles(received['files']);
  const manifest = checkManifest(received['manifest']);
  for (const { path, field } of namedFiles(manifest)) {
    if (!(path in files)) throw refuse(`${field} names ${shown(path)}, which is not among the bundle's files`);
  }
  for (const [binding, model] of Object.entries(manifest.models)) {
    for (const glob of model.warm.inputs) {
      if (warmInputPaths([glob], Object.keys(files)).length === 0) throw refuse(`models.${binding}.warm.inputs: no file matches ${shown(glob)}`);
    }
  }
  return deepFreeze({ manifest, files });
}

/** The single files that a manifest names, and the fields that name them. */
export function namedFiles(manifest: Manifest): { readonly path: string; readonly field: string }[] {
  const named = [{ path: HANDLER_PATH, field: 'main' }];
  for (const [binding, model] of Object.entries(manifest.models)) {
    for (const { path, field } of namedModelFiles(model)) named.push({ path, field: `models.${binding}.${field}` });
  }
  for (const [index, golden] of manifest.warm.entries()) {
    if (golden.body !== undefined) named.push({ path: golden.body, field: `warm[${index}].body` });
  }
  return named;
}

function checkFiles(received: unknown): Record<string, BundleFile> {
  if (!isObject(received)) throw refuse(`files is an object by path, found ${shown(received)}`);
  const paths = Object.keys(received);
  if (paths.length > BUNDLE_LIMITS.files) throw refuse(`the bundle has ${paths.length} files, more than ${BUNDLE_LIMITS.files}; warm with fewer samples`);
  refuseCollisions(paths);
  const files: Record<string, BundleFile> = Object.create(null) as Record<string, BundleFile>;
  let totalBytes = 0;
  for (const path of paths) {
    const file = checkFile(path, received[path]);
    totalBytes += file.bytes;
    files[path] = file;
  }
  if (totalBytes > BUNDLE_LIMITS.totalBytes) throw refuse(`the bundle has ${totalBytes} bytes, more than ${BUNDLE_LIMITS.totalBytes}`);
  return files;
}

function checkFile(path: string, received: unknown): BundleFile {
  if (!isObject(received)) throw refuse(`the file ${shown(path)} is an object with sha256 and bytes, found ${shown(received)}`);
  const { sha256, bytes, ...others } = received;
  const [other] = Object.keys(others);
  if (other !== undefined) throw refuse(`the file ${shown(path)} has sha256 and bytes, found ${shown(other)}; only plain files can be in a bundle`);
  if (typeof sha256 !== 'string' || !isDigest(sha256)) throw refuse(`the file ${shown(path)} has no sha256 of 64 hexadecimal digits, found ${shown(sha256)}`);
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0 || bytes > BUNDLE_LIMITS.fileBytes) {
    throw refuse(`the file ${shown(path)} must have between 0 and ${BUNDLE_LIMITS.fileBytes} bytes, found ${shown(bytes)}`);
  }
  return { sha256, bytes };
}

function refuseCollisions(paths: readonly string[]): void {
  const taken = new Map<string, string>();
  for (const path of paths) {
    const why = whyNotInside(path);
    if (why !== undefined) throw refuse(`the path ${shown(path)} cannot be in a bundle: ${why}`);
    const folded = foldPath(path);
    const other = taken.get(folded);
    if (other !== undefined) throw refuse(`the paths ${shown(other)} and ${shown(path)} are one file where case does not count; rename one`);
    taken.set(folded, path);
  }
  for (const path of paths) refuseFileAsFolder(path, taken);
}

function refuseFileAsFolder(path: string, taken: ReadonlyMap<string, string>): void {
  const folded = foldPath(path);
  for (let slash = folded.indexOf('/'); slash !== -1; slash = folded.indexOf('/', slash + 1)) {
    const file = taken.get(folded.slice(0, slash));
    if (file !== undefined) throw refuse(`the path ${shown(file)} is a file and, for ${shown(path)}, a folder; rename one`);
  }
}

function checkManifest(received: unknown): Manifest {
  if (!isObject(received)) throw new PilotlightError('BAD_MANIFEST', `the bundle's manifest is an object, found ${shown(received)}`);
  let text: string;
  try {
    text = JSON.stringify(received, undefined, 2);
  } catch (error) {
    throw new PilotlightError('BAD_MANIFEST', "the bundle's manifest is nested too deeply", { cause: error });
  }
  return parseManifest(text, "the bundle's manifest");
}

function refuse(message: string): PilotlightError {
  return new PilotlightError('BAD_BUNDLE', message);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
