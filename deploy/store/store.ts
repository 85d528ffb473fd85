// What a host keeps on disk: blobs by digest, versions, the state that says what is deployed, secrets, the admin token.
// Rule: the state is always one whole old or one whole new; every failure is STORE_FAILED, names the path and changes nothing.
// One host has the folder at a time: the supervisor holds its lock.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { realClock, type Clock } from '../../runtime/clock.ts';
import { PilotlightError } from '../../runtime/errors.ts';
import type { Bundle, BundleFile } from '../bundle/bundle.ts';
import { Blobs } from './blobs.ts';
import { realDisk, type Disk } from './disk.ts';
import { SecretFiles, type StoredSecrets } from './secret-files.ts';
import { namesVersion, trimHistories, type NextFunctions, type State } from './state.ts';
import { StateFiles } from './state-files.ts';
import { StoreDisk } from './store-disk.ts';
import { versionKey, Versions, type StoredVersion, type VersionId } from './versions.ts';

export type { Bundle, BundleFile } from '../bundle/bundle.ts';
export type { StoredSecrets } from './secret-files.ts';
export { sharesOf } from './state.ts';
export type { FunctionState, HistoryEntry, NextFunctions, SplitShare, State } from './state.ts';
export type { StoredVersion } from './versions.ts';

export interface StoreOptions {
  /** Distinct versions of a function that stay beside those that serve; 0 or more. */
  readonly versionsKept: number;
  /** A folder of files `FUNCTION/KEY` that overrides the store's own secrets; read only. */
  readonly secretsDir?: string | undefined;
  readonly clock?: Clock;
  readonly disk?: Disk;
}

export class Store {
  readonly secrets: StoredSecrets;
  /** What `open` found amiss and got over, for the log. */
  readonly notes: readonly string[];
  readonly #folder: string;
  readonly #disk: StoreDisk;
  readonly #blobs: Blobs;
  readonly #versions: Versions;
  readonly #stateFiles: StateFiles;
  readonly #versionsKept: number;
  /** Versions whose deploy has not come to its commit or its end. */
  readonly #held = new Map<string, VersionId>();
  #state: State;
  /** Those cut to `versionsKept`; a process before this one may have kept more. */
  #trimmed: NextFunctions = {};
  #highest: number;
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(folder: string, parts: StoreParts, options: StoreOptions) {
    this.#folder = folder;
    this.#disk = parts.disk;
    this.#blobs = new Blobs(parts.disk, path.join(folder, 'blobs'), options.clock ?? realClock);
    this.#versions = new Versions(parts.disk, path.join(folder, 'versions'), this.#blobs);
    this.#stateFiles = parts.stateFiles;
    this.#versionsKept = options.versionsKept;
    this.secrets = new SecretFiles(parts.disk, path.join(folder, 'secrets'), options.secretsDir);
    ({ state: this.#state, highest: this.#highest, notes: this.notes } = parts.found);
  }

  /** Makes the folder where it is missing, sweeps leftovers, reads the newest whole state. STORE_FAILED says why not. */
  static async open(folder: string, options: StoreOptions): Promise<Store> {
    const root = path.resolve(folder);
    const staging = path.join(root, 'staging');
    const disk = new StoreDisk(options.disk ?? realDisk, staging);
    await disk.makeFolder(root);
    await disk.remove(staging);
    for (const part of ['staging', 'blobs', 'versions', 'state', 'secrets']) await disk.makeFolder(path.join(root, part));
    const stateFiles = new StateFiles(disk, path.join(root, 'state'));
    return new Store(root, { disk, stateFiles, found: await stateFiles.readNewest() }, options);
  }

  /** Digests that `putBlob` must bring before `addVersion`; sorted. Those that are here stay for the deploy that asks. */
  async missing(files: Readonly<Record<string, BundleFile>>): Promise<string[]> {
    this.#refuseClosed();
    return this.#blobs.missing(Object.values(files));
  }

  /**
   * Takes in one blob. BAD_BUNDLE when the content is not of that digest or size; stops reading at `bytes`.
   * Does not read the source at all when the blob is here.
   */
  async putBlob(sha256: string, bytes: number, source: AsyncIterable<Uint8Array>): Promise<void> {
    this.#refuseClosed();
    return this.#blobs.put(sha256, bytes, this.#untilClosed(source));
  }

  /** Makes the version's folder; the same content again is a no-op. Held against `collect` until a commit names it or `discard`. */
  async addVersion(bundle: Bundle): Promise<StoredVersion> {
    return this.#inTurn(async () => {
      const stored = await this.#versions.add(bundle);
      this.#held.set(versionKey(stored), stored);
      return stored;
    });
  }

  /** Takes an `addVersion` back after a failed deploy; does nothing when the state names the version. */
  async discard(name: string, version: string): Promise<void> {
    return this.#inTurn(async () => {
      this.#held.delete(versionKey({ name, version }));
      if (!namesVersion(this.#state.functions, name, version)) await this.#versions.remove({ name, version });
    });
  }

  /** NO_VERSION when it is not there. */
  async readVersion(name: string, version: string): Promise<StoredVersion> {
    return this.#versions.read({ name, version });
  }

  /** The last committed state, frozen. */
  state(): State {
    return this.#state;
  }

  /** Writes the next state, durable when it resolves. Commits wait for each other; `next` sees the newest state. */
  async commit(next: (state: State) => NextFunctions): Promise<State> {
    return this.#inTurn(async () => {
      const functions = trimHistories(next(this.#state), this.#trimmed, this.#versionsKept);
      this.#state = await this.#stateFiles.write(this.#highest + 1, functions);
      this.#trimmed = this.#state.functions;
      this.#highest = this.#state.generation;
      this.#releaseNamed();
      return this.#state;
    });
  }

  /** Removes versions that the state does not name, blobs that no version uses, old states. Gives the versions that it found damaged. */
  async collect(): Promise<readonly VersionId[]> {
    return this.#inTurn(async () => {
      const used = new Set<string>();
      const damaged: VersionId[] = [];
      for (const id of await this.#versions.list()) {
        if (!this.#isNeeded(id)) await this.#versions.remove(id);
        else if (!(await this.#markBlobs(id, used))) damaged.push(id);
      }
      await this.#blobs.collect(used);
      await this.#stateFiles.prune();
      return damaged;
    });
  }

  /** The admin token; made on the first call. */
  async token(): Promise<string> {
    return this.#inTurn(async () => {
      const file = path.join(this.#folder, 'token');
      const found = (await this.#disk.read(file))?.toString().trim();
      if (found !== undefined && found.length >= 16) return found;
      if (found !== undefined) throw new PilotlightError('STORE_FAILED', `${file} holds no token of 16 characters or more; remove it and a new one is made`);
      const token = randomBytes(32).toString('hex');
      await this.#disk.writeWhole(file, 0o600, Buffer.from(`${token}\n`));
      return token;
    });
  }

  /** Waits for what is being written. A blob that is still coming in is given up at its next chunk. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
  }

  /** The state itself keeps them from now on. */
  #releaseNamed(): void {
    for (const [key, { name, version }] of this.#held) {
      if (namesVersion(this.#state.functions, name, version)) this.#held.delete(key);
    }
  }

  #isNeeded(id: VersionId): boolean {
    return this.#held.has(versionKey(id)) || namesVersion(this.#state.functions, id.name, id.version);
  }

  /** false: damaged. Its own files are second names of its blobs, so they stay as they are, and what mends it sends what is missing. */
  async #markBlobs(id: VersionId, used: Set<string>): Promise<boolean> {
    // A disk that fails stops the collection: nothing needed may go.
    const digests = await this.#versions.digestsOf(id);
    if (digests === 'damaged') return false;
    for (const sha256 of digests) used.add(sha256);
    return true;
  }

  /** What changes the store waits for its turn, so that each sees the whole work of the one before. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#refuseClosed();
    const before = this.#turn;
    const mine = (async () => {
      await before;
      return work();
    })();
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async *#untilClosed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      this.#refuseClosed();
      yield chunk;
    }
  }

  #refuseClosed(): void {
    if (this.#isClosed) throw new PilotlightError('DRAINING', `the store ${this.#folder} is closed: the host is stopping; try again when it is back`);
  }
}

interface StoreParts {
  readonly disk: StoreDisk;
  readonly stateFiles: StateFiles;
  readonly found: Awaited<ReturnType<StateFiles['readNewest']>>;
}
