// A folder with all that is missing above it, made one step at a time: Node 20's own recursive way never ends where a file system
// answers that a folder is missing whose parent is there, as /proc does.
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Gives the first folder that was missing, undefined when none was. Rejects as mkdir does, also when something else has that name. */
export async function makeFolders(folder: string, mode: number): Promise<string | undefined> {
  const missing = [];
  let above = resolve(folder);
  for (; !(await isFolder(above)); above = dirname(above)) missing.push(above);
  for (const each of missing.toReversed()) await makeOne(each, mode);
  return missing.at(-1);
}

async function makeOne(folder: string, mode: number): Promise<void> {
  try {
    await mkdir(folder, { mode });
  } catch (error) {
    // Somebody else may have been quicker.
    if (!(await isFolder(folder))) throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT' && dirname(path) !== path) return false;
    throw error;
  }
}
