// Finds and reads the manifest of a function's folder.
import { constants, type Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { PilotlightError, describeThrown } from '../../runtime/errors.ts';
import { parseManifest, type Manifest } from './manifest.ts';

const NAMES = ['pilotlight.jsonc', 'pilotlight.json'];
/** Of UTF-8: what the text's own bound lets through takes at most three bytes a character. */
const BYTES_MAX = 3 * 1024 * 1024;

export interface FolderManifest {
  readonly manifest: Manifest;
  /** The manifest's file, as messages name it. */
  readonly file: string;
}

/** Throws BAD_MANIFEST when there is none, when there are two, and for all that `parseManifest` refuses. */
export async function readManifest(folder: string): Promise<FolderManifest> {
  const file = await findManifest(folder);
  return { manifest: parseManifest(decode(await readBounded(file), file), file), file };
}

async function findManifest(folder: string): Promise<string> {
  const stats = await statOrUndefined(folder);
  if (stats === undefined) throw new PilotlightError('BAD_MANIFEST', `there is no folder ${folder}; name the folder of a function`);
  if (!stats.isDirectory()) throw new PilotlightError('BAD_MANIFEST', `${folder} is not a folder; name the folder that holds pilotlight.jsonc`);
  const found: string[] = [];
  for (const name of NAMES) {
    if ((await statOrUndefined(path.join(folder, name)))?.isFile() === true) found.push(name);
  }
  if (found.length > 1) throw new PilotlightError('BAD_MANIFEST', `${folder} has both ${found.join(' and ')}; keep one`);
  const [name] = found;
  if (name === undefined) throw new PilotlightError('BAD_MANIFEST', `${folder} has no pilotlight.jsonc; a function's folder has one`);
  return path.join(folder, name);
}

async function statOrUndefined(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file);
  } catch {
    return undefined;
  }
}

async function readBounded(file: string): Promise<Buffer> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const { size } = await handle.stat();
    if (size > BYTES_MAX) throw new PilotlightError('BAD_MANIFEST', `${file}:1:1: the manifest has ${size} bytes; keep samples in files of their own`);
    return await handle.readFile();
  } catch (error) {
    if (error instanceof PilotlightError) throw error;
    throw new PilotlightError('BAD_MANIFEST', `cannot read ${file}: ${describeThrown(error)}`, { cause: error });
  }
}

function decode(bytes: Buffer, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new PilotlightError('BAD_MANIFEST', `${file}:1:1: the manifest is not UTF-8 text; save it as UTF-8`, { cause: error });
  }
}
