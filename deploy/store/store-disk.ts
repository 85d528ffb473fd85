// The disk as the store's parts use it: every failure is STORE_FAILED with the path and what would do,
// and a file appears under its name only whole, by way of the staging folder.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { PilotlightError } from '../../runtime/errors.ts';
import { errnoOf, type Disk, type DiskEntry } from './disk.ts';

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space, for example by `pilotlight delete` of functions that nobody uses',
  EDQUOT: "the user's quota is used up; free some space",
  EACCES: 'permission denied; give the user that runs the host the right to read and write there, or name another folder with --store',
  EPERM: 'not permitted; give the user that runs the host the right to read and write there, or name another folder with --store',
  EROFS: 'the file system is read-only; mount it writable, or name another folder with --store',
  ENOTDIR: 'a file stands where a folder must be; move it, or name another folder with --store',
  EIO: 'the disk reports an input/output error; check it before going on',
  EMFILE: 'too many open files; raise `ulimit -n`',
  ENFILE: 'too many open files on this machine',
  ENAMETOOLONG: 'the path is too long; name a shorter folder with --store',
};

export class StoreDisk {
  readonly #disk: Disk;
  readonly #staging: string;

  constructor(disk: Disk, staging: string) {
    this.#disk = disk;
    this.#staging = staging;
  }

  makeFolder(folder: string): Promise<void> {
    return attempt('make the folder', folder, () => this.#disk.makeFolder(folder));
  }

  syncFolder(folder: string): Promise<void> {
    return attempt('write the folder', folder, () => this.#disk.syncFolder(folder));
  }

  list(folder: string): Promise<readonly DiskEntry[]> {
    return attempt('read the folder', folder, () => this.#disk.list(folder));
  }

  read(file: string): Promise<Buffer | undefined> {
    return attempt('read', file, () => this.#disk.read(file));
  }

  size(file: string): Promise<number | undefined> {
    return attempt('read', file, () => this.#disk.size(file));
  }

  link(from: string, to: string): Promise<void> {
    return attempt('write', to, () => this.#disk.link(from, to));
  }

  remove(target: string): Promise<void> {
    return attempt('remove', target, () => this.#disk.remove(target));
  }

  /** A place in staging that nobody else uses. */
  stagingPath(): string {
    return path.join(this.#staging, randomUUID());
  }

  /** Writes all of `chunks` to a durable file in staging. Whoever calls removes it if it is not moved into place. */
  async stage(file: string, mode: number, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const created = await attempt('write', file, () => this.#disk.create(file, mode));
    try {
      for await (const chunk of chunks) await attempt('write', file, () => created.write(chunk));
      await attempt('write', file, () => created.sync());
    } finally {
      await attempt('write', file, () => created.close());
    }
  }

  /** Gives what was staged its name, replacing a file of that name, durable when it resolves. */
  async moveIntoPlace(staged: string, target: string): Promise<void> {
    await attempt('write', target, () => this.#disk.rename(staged, target));
    await this.syncFolder(path.dirname(target));
  }

  /** A small file, old whole or new whole. The folder must be there. */
  async writeWhole(target: string, mode: number, bytes: Uint8Array): Promise<void> {
    const staged = this.stagingPath();
    try {
      await this.stage(staged, mode, [bytes]);
      await this.moveIntoPlace(staged, target);
    } catch (error) {
      await this.tidy(staged);
      throw error;
    }
  }

  /** Removes a folder so that it is never seen in parts. */
  async removeWhole(target: string): Promise<void> {
    const staged = this.stagingPath();
    await attempt('remove', target, () => this.#disk.rename(target, staged));
    await this.syncFolder(path.dirname(target));
    await this.remove(staged);
  }

  /** Removes a leftover on the way out of a failure, whose reason matters more; what stays is swept at the next start. */
  async tidy(staged: string): Promise<void> {
    try {
      await this.#disk.remove(staged);
    } catch {
      // Told above.
    }
  }
}

async function attempt<T>(action: string, target: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PilotlightError) throw error;
    const errno = errnoOf(error);
    if (errno === '') throw error;
    throw new PilotlightError('STORE_FAILED', `cannot ${action} ${target}: ${ADVICE[errno] ?? 'the system refused'} (${errno})`, { cause: error });
  }
}
