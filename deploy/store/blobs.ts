// Blobs: file contents by digest, `blobs/3f/3f2a…`. A blob under its name is whole and is what its name says.
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Clock } from '../../runtime/clock.ts';
import { PilotlightError } from '../../runtime/errors.ts';
import { BUNDLE_LIMITS, isDigest, type BundleFile } from '../bundle/bundle.ts';
import type { StoreDisk } from './store-disk.ts';

/** How long a blob that no version uses may wait for its version: an interrupted deploy can go on. */
const ORPHAN_KEEP_MS = 60 * 60 * 1000;

export class Blobs {
  readonly #disk: StoreDisk;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #openedMs: number;
  /** When a deploy last asked for or brought a blob. */
  readonly #wantedMs = new Map<string, number>();
  /** Those that may be here. All of them, once the disk was listed. */
  readonly #known = new Set<string>();
  #isListed = false;

  constructor(disk: StoreDisk, folder: string, clock: Clock) {
    this.#disk = disk;
    this.#folder = folder;
    this.#clock = clock;
    this.#openedMs = clock.nowMs();
  }

  pathOf(sha256: string): string {
    return path.join(this.#folder, sha256.slice(0, 2), sha256);
  }

  async missing(files: Iterable<BundleFile>): Promise<string[]> {
    const missing = new Set<string>();
    for (const { sha256, bytes } of files) {
      // A blob of another size was damaged on the disk: it is sent again and replaced.
      if ((await this.size(sha256)) === bytes) this.#wantedMs.set(sha256, this.#clock.nowMs());
      else missing.add(sha256);
    }
    return [...missing].sort();
  }

  /** Bytes; undefined when it is not here. */
  size(sha256: string): Promise<number | undefined> {
    return this.#disk.size(this.pathOf(sha256));
  }

  async put(sha256: string, bytes: number, source: AsyncIterable<Uint8Array>): Promise<void> {
    refuseUnlikely(sha256, bytes);
    this.#wantedMs.set(sha256, this.#clock.nowMs());
    if ((await this.size(sha256)) === bytes) return;
    // Before it is there: a failure may come after it has its name.
    this.#known.add(sha256);
    const target = this.pathOf(sha256);
    const staged = this.#disk.stagingPath();
    try {
      await this.#disk.stage(staged, 0o444, checked(source, sha256, bytes));
      await this.#disk.makeFolder(path.dirname(target));
      await this.#disk.moveIntoPlace(staged, target);
    } catch (error) {
      await this.#disk.tidy(staged);
      throw error;
    }
  }

  /** Removes what is not in `used`, unless a deploy wanted it lately. */
  async collect(used: ReadonlySet<string>): Promise<void> {
    const nowMs = this.#clock.nowMs();
    if (!this.#isListed) await this.#list();
    for (const sha256 of this.#known) {
      const wantedMs = this.#wantedMs.get(sha256) ?? this.#openedMs;
      if (used.has(sha256) || nowMs - wantedMs < ORPHAN_KEEP_MS) continue;
      await this.#disk.remove(this.pathOf(sha256));
      this.#known.delete(sha256);
    }
    for (const [sha256, wantedMs] of this.#wantedMs) {
      if (nowMs - wantedMs >= ORPHAN_KEEP_MS) this.#wantedMs.delete(sha256);
    }
  }

  /** Read from the disk once: nobody else writes there. */
  async #list(): Promise<void> {
    const shelves = (await this.#disk.list(this.#folder)).filter(({ isFolder }) => isFolder);
    const found = await Promise.all(shelves.map(({ name }) => this.#disk.list(path.join(this.#folder, name))));
    for (const { name } of found.flat()) if (isDigest(name)) this.#known.add(name);
    this.#isListed = true;
  }
}

function refuseUnlikely(sha256: string, bytes: number): void {
  if (!isDigest(sha256)) throw new PilotlightError('BAD_BUNDLE', 'a blob is named by its sha256, 64 lower-case hexadecimal digits');
  if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > BUNDLE_LIMITS.fileBytes) {
    throw new PilotlightError('BAD_BUNDLE', `the blob ${sha256} must have between 0 and ${BUNDLE_LIMITS.fileBytes} bytes, found ${bytes}`);
  }
}

/** Passes the source on and throws as soon as it cannot become what was declared. */
async function* checked(source: AsyncIterable<Uint8Array>, sha256: string, bytes: number): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let received = 0;
  for await (const chunk of source) {
    received += chunk.length;
    if (received > bytes) throw new PilotlightError('BAD_BUNDLE', `the blob ${sha256} is longer than its declared ${bytes} bytes; send the bundle again`);
    hash.update(chunk);
    yield chunk;
  }
  if (received < bytes) throw new PilotlightError('BAD_BUNDLE', `the blob ${sha256} ended after ${received} of its declared ${bytes} bytes; send it again`);
  const digest = hash.digest('hex');
  if (digest !== sha256) throw new PilotlightError('BAD_BUNDLE', `the blob sent as ${sha256} has the digest ${digest}; send the bundle again`);
}
