// A disk that can fail or stop at any one operation, and one that forgets at a power cut what was never made durable.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { realDisk, type Disk } from '../../deploy/store/disk.ts';

export type Errno = 'ENOSPC' | 'EIO' | 'EACCES';

/** The real one without waiting for the hardware: whether it was asked to sync is what these disks watch. */
const hastyDisk: Disk = {
  ...realDisk,
  async makeFolder(folder) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  },
  async syncFolder() {},
  async create(file, mode) {
    return { ...(await realDisk.create(file, mode)), sync: async () => {} };
  },
};

/** The process is gone: nothing after it happens either. */
export class Crash extends Error {}

/** Runs `before` with the number of the operation, from 1, ahead of each one. */
export class CountingDisk implements Disk {
  count = 0;
  readonly #before: (count: number) => void;
  readonly #inner: Disk;

  constructor(before: (count: number) => void = () => {}, inner: Disk = hastyDisk) {
    this.#before = before;
    this.#inner = inner;
  }

  makeFolder(folder: string) { return this.#counted(() => this.#inner.makeFolder(folder)); }
  syncFolder(folder: string) { return this.#counted(() => this.#inner.syncFolder(folder)); }
  list(folder: string) { return this.#counted(() => this.#inner.list(folder)); }
  read(file: string) { return this.#counted(() => this.#inner.read(file)); }
  size(file: string) { return this.#counted(() => this.#inner.size(file)); }
  link(from: string, to: string) { return this.#counted(() => this.#inner.link(from, to)); }
  rename(from: string, to: string) { return this.#counted(() => this.#inner.rename(from, to)); }
  remove(target: string) { return this.#counted(() => this.#inner.remove(target)); }

  async create(file: string, mode: number) {
    const created = await this.#counted(() => this.#inner.create(file, mode));
    return {
      write: (bytes: Uint8Array) => this.#counted(() => created.write(bytes)),
      sync: () => this.#counted(() => created.sync()),
      // The descriptor goes whatever the answer is, as the kernel has it.
      close: async () => {
        await created.close();
        await this.#counted(async () => {});
      },
    };
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    this.count += 1;
    this.#before(this.count);
    return work();
  }
}

/** Fails the k-th operation and no other. */
export function failingDisk(k: number, errno: Errno): CountingDisk {
  return new CountingDisk((count) => {
    if (count === k) throw Object.assign(new Error(`${errno}: injected`), { code: errno });
  });
}

/** Does k - 1 operations and then nothing any more. */
export function crashingDisk(k: number, inner: Disk = hastyDisk): CountingDisk {
  return new CountingDisk((count) => {
    if (count >= k) throw new Crash(`crashed at operation ${k}`);
  }, inner);
}

interface Undurable {
  /** A name that appeared, or a file whose content was not synced. */
  readonly kind: 'name' | 'content';
  path: string;
  /** Of a renamed thing: where it was. */
  readonly from?: string;
}

/** Remembers what was never synced; `cutPower` takes it away. Removals and new folders count as durable at once. */
export class VolatileDisk implements Disk {
  #undurable: Undurable[] = [];

  makeFolder = (folder: string) => hastyDisk.makeFolder(folder);
  list = (folder: string) => hastyDisk.list(folder);
  read = (file: string) => hastyDisk.read(file);
  size = (file: string) => hastyDisk.size(file);

  async syncFolder(folder: string) {
    await hastyDisk.syncFolder(folder);
    this.#undurable = this.#undurable.filter((entry) => entry.kind !== 'name' || path.dirname(entry.path) !== folder);
  }

  async create(file: string, mode: number) {
    const created = await hastyDisk.create(file, mode);
    const content: Undurable = { kind: 'content', path: file };
    this.#undurable.push({ kind: 'name', path: file }, content);
    return {
      ...created,
      sync: async () => {
        await created.sync();
        this.#undurable = this.#undurable.filter((entry) => entry !== content);
      },
    };
  }

  async link(from: string, to: string) {
    await hastyDisk.link(from, to);
    this.#undurable.push({ kind: 'name', path: to });
  }

  async rename(from: string, to: string) {
    await hastyDisk.rename(from, to);
    // What was created under the old name is known by the new one; the old name's own entry is settled by the rename.
    this.#undurable = this.#undurable.filter((entry) => entry.kind !== 'name' || entry.path !== from);
    for (const entry of this.#undurable) {
      if (entry.path === from || entry.path.startsWith(`${from}/`)) entry.path = to + entry.path.slice(from.length);
    }
    this.#undurable.push({ kind: 'name', path: to, from });
  }

  async remove(target: string) {
    await hastyDisk.remove(target);
    this.#undurable = this.#undurable.filter((entry) => entry.path !== target && !entry.path.startsWith(`${target}/`));
  }

  cutPower(): void {
    for (const { kind, path: place, from } of this.#undurable.reverse()) {
      if (kind === 'content') truncateHalf(place);
      else if (from !== undefined) renameSync(place, from);
      else rmSync(place, { recursive: true, force: true });
    }
    this.#undurable = [];
  }
}

function truncateHalf(file: string): void {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats !== undefined) truncateSync(file, Math.floor(stats.size / 2));
}

/** Every file under a folder, relative and sorted. */
export function filesUnder(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name))).sort();
}
