// The files of a function's folder as a bundle may take them: plain files inside the folder, reached through no link.
import { createHash } from 'node:crypto';
import { constants, type Dirent, type Stats } from 'node:fs';
import { lstat, open, opendir } from 'node:fs/promises';
import path from 'node:path';
import { PilotlightError, describeThrown } from '../../runtime/errors.ts';
import { BUNDLE_LIMITS, type BundleFile } from './bundle.ts';
import { isGlob } from './match-paths.ts';

/** Entries looked at for one glob; node_modules and hidden folders are not among them. */
const ENTRIES_MAX = 100_000;

/** Digest and size of one file. `field` of the manifest names it. Throws BAD_BUNDLE unless it is a plain file. */
export async function hashFile(folder: string, inner: string, field: string): Promise<BundleFile> {
  await refuseUnlessPlain(folder, inner, field);
  const file = path.join(folder, inner);
  try {
    // Not following and not waiting: it may have become a link or a pipe since it was looked at.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) throw new PilotlightError('BAD_BUNDLE', `${field}: ${file} is not a plain file`);
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of handle.createReadStream({ highWaterMark: 1024 * 1024, autoClose: false })) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
    return { sha256: hash.digest('hex'), bytes };
  } catch (error) {
    if (error instanceof PilotlightError) throw error;
    throw new PilotlightError('BAD_BUNDLE', `${field}: cannot read ${file}: ${describeThrown(error)}`, { cause: error });
  }
}

/** The paths that a glob may match: everything below its part without wildcards. */
export async function listCandidates(folder: string, glob: string): Promise<string[]> {
  const segments = glob.split('/');
  const wild = segments.findIndex(isGlob);
  if (wild === -1) return [glob];
  const found: string[] = [];
  const waiting = [segments.slice(0, wild).join('/')];
  for (let inner = waiting.pop(); inner !== undefined; inner = waiting.pop()) {
    for (const entry of await readFolder(folder, inner, glob)) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      const entryPath = inner === '' ? entry.name : `${inner}/${entry.name}`;
      if (entry.isDirectory()) waiting.push(entryPath);
      else found.push(entryPath);
      if (found.length + waiting.length > ENTRIES_MAX) {
        throw new PilotlightError('BAD_BUNDLE', `${glob} looks through more than ${ENTRIES_MAX} entries of ${folder}; name a smaller folder`);
      }
    }
  }
  return found;
}

async function readFolder(folder: string, inner: string, glob: string): Promise<Dirent[]> {
  const place = path.join(folder, inner);
  const entries: Dirent[] = [];
  try {
    if (inner !== '') await refuseLinks(folder, inner, glob);
    for await (const entry of await opendir(place)) {
      entries.push(entry);
      if (entries.length > ENTRIES_MAX) throw new PilotlightError('BAD_BUNDLE', `${place} has more than ${ENTRIES_MAX} entries; ${glob} needs a smaller folder`);
    }
    return entries;
  } catch (error) {
    if (error instanceof PilotlightError) throw error;
    throw new PilotlightError('BAD_BUNDLE', `${glob}: cannot look into ${place}: ${describeThrown(error)}`, { cause: error });
  }
}

async function refuseUnlessPlain(folder: string, inner: string, field: string): Promise<void> {
  const stats = await refuseLinks(folder, inner, field);
  const file = path.join(folder, inner);
  if (!stats.isFile()) throw new PilotlightError('BAD_BUNDLE', `${field}: ${file} is ${kindOf(stats)}; only plain files can be in a bundle`);
  if (stats.size > BUNDLE_LIMITS.fileBytes) {
    throw new PilotlightError('BAD_BUNDLE', `${field}: ${file} has ${stats.size} bytes, more than ${BUNDLE_LIMITS.fileBytes}`);
  }
}

/** Looks at each step of the way, so that no folder in between leads outside. Gives what stands at its end. */
async function refuseLinks(folder: string, inner: string, field: string): Promise<Stats> {
  let place = folder;
  let stats: Stats | undefined;
  for (const segment of inner.split('/')) {
    place = path.join(place, segment);
    try {
      stats = await lstat(place);
    } catch (error) {
      throw new PilotlightError('BAD_BUNDLE', `${field}: ${whyNotThere(place, error)}`, { cause: error });
    }
    if (stats.isSymbolicLink()) throw new PilotlightError('BAD_BUNDLE', `${field}: ${place} is a symbolic link; put the file itself there`);
  }
  if (stats === undefined) throw new PilotlightError('BAD_BUNDLE', `${field}: the path is empty`);
  return stats;
}

function whyNotThere(place: string, error: unknown): string {
  const isMissing = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
  return isMissing ? `there is no file ${place}; put it there, or correct the manifest` : `cannot look at ${place}: ${describeThrown(error)}`;
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}
