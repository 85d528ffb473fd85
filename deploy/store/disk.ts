// The few file operations that a store is made of, so that a test can fail or cut any one of them.
// Each call is one operation; what a store promises must hold after every one.
import { constants } from 'node:fs';
import { copyFile, link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from '../../runtime/make-folders.ts';

export interface DiskEntry {
  readonly name: string;
  readonly isFolder: boolean;
}

/** A new file that nobody sees under its final name yet. */
export interface DiskFile {
  write(bytes: Uint8Array): Promise<void>;
  /** Durable when it resolves. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  /** With those above it; nothing when it is there. */
  makeFolder(folder: string): Promise<void>;
  /** Makes the names in a folder durable: what was created there, renamed there and removed there. */
  syncFolder(folder: string): Promise<void>;
  /** Empty when there is no such folder. */
  list(folder: string): Promise<readonly DiskEntry[]>;
  /** undefined when there is no such file. */
  read(file: string): Promise<Buffer | undefined>;
  /** Bytes; undefined when there is no such file. */
  size(file: string): Promise<number | undefined>;
  /** Fails when it is there. */
  create(file: string, mode: number): Promise<DiskFile>;
  /** A second name for a file, or a durable copy where the file system has no hard links. */
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A file, or a folder with all that is in it; nothing when it is not there. */
  remove(target: string): Promise<void>;
}

/** Of a file system, or a mount of one, that has no hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK']);

export const realDisk: Disk = {
  async makeFolder(folder) {
    const first = await makeFolders(folder, 0o700);
    if (first !== undefined) await this.syncFolder(path.dirname(first));
  },
  async syncFolder(folder) {
    await using handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    await handle.sync();
  },
  async list(folder) {
    const entries = await orWhenMissing(readdir(folder, { withFileTypes: true }), []);
    return entries.map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }));
  },
  read: (file) => orWhenMissing(readFile(file), undefined),
  size: async (file) => (await orWhenMissing(stat(file), undefined))?.size,
  async create(file, mode) {
    const handle = await open(file, 'wx', mode);
    return {
      write: (bytes) => handle.writeFile(bytes),
      sync: () => handle.sync(),
      close: () => handle.close(),
    };
  },
  async link(from, to) {
    try {
      await link(from, to);
    } catch (error) {
      if (!NO_LINKS.has(errnoOf(error))) throw error;
      await copyDurably(from, to);
    }
  },
  rename,
  remove: (target) => rm(target, { recursive: true, force: true }),
};

/** `ENOSPC` and the like; empty when the error is not from the system. */
export function errnoOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_EXCL);
  await using handle = await open(to, 'r');
  await handle.sync();
}

async function orWhenMissing<T, U>(found: Promise<T>, missing: U): Promise<T | U> {
  try {
    return await found;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return missing;
    throw error;
  }
}
