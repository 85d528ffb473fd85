// What a host keeps on disk: blobs by digest, versions, the state that says what is deployed, secrets, the admin token.
// Rule: state on disk is always one whole old or one whole new; every failure is STORE_FAILED, names the path and changes nothing.
import type { Bundle, BundleFile } from '../bundle/bundle.ts';

export type { Bundle, BundleFile } from '../bundle/bundle.ts';

export interface State {
  /** Grows by one with each commit; 0: nothing was ever deployed. */
  readonly generation: number;
  /** By function name. */
  readonly functions: Readonly<Record<string, FunctionState>>;
}

export interface FunctionState {
  readonly current: string;
  /** Newest first; `commit` keeps `versionsKept` distinct versions, the current one always. */
  readonly history: readonly HistoryEntry[];
}

export interface HistoryEntry {
  readonly version: string;
  /** ISO 8601, UTC. */
  readonly deployedAt: string;
}

export interface StoredVersion {
  readonly name: string;
  readonly version: string;
  /** Absolute; holds the files under their bundle paths. */
  readonly folder: string;
  readonly bundle: Bundle;
}

export interface StoreOptions {
  readonly versionsKept: number;
  /** A folder of files `FUNCTION/KEY` that overrides the store's own secrets; read only. */
  readonly secretsDir?: string;
}

/** What `commit` is given back: the functions of the next state. */
export type NextFunctions = Readonly<Record<string, FunctionState>>;

export class Store {
  readonly secrets: StoredSecrets;

  private constructor(secrets: StoredSecrets) {
    this.secrets = secrets;
  }

  /** Takes the folder's lock, sweeps leftovers, reads the newest whole state. STORE_FAILED says why not. */
  static async open(folder: string, options: StoreOptions): Promise<Store> {
    throw notBuilt(folder, options);
  }

  /** Digests that `putBlob` must bring before `addVersion`; sorted. */
  async missing(files: Readonly<Record<string, BundleFile>>): Promise<string[]> {
    throw notBuilt(files);
  }

  /** Takes in one blob. BAD_BUNDLE when the content is not of that digest or size; stops reading at `bytes`. */
  async putBlob(sha256: string, bytes: number, source: AsyncIterable<Uint8Array>): Promise<void> {
    throw notBuilt(sha256, bytes, source);
  }

  /** Makes the version's folder; the same content again is a no-op. Held against `collect` until a commit names it or `discard`. */
  async addVersion(bundle: Bundle): Promise<StoredVersion> {
    throw notBuilt(bundle);
  }

  /** Takes an `addVersion` back after a failed deploy; does nothing when the state names the version. */
  async discard(name: string, version: string): Promise<void> {
    throw notBuilt(name, version);
  }

  /** NO_VERSION when it is not there. */
  async readVersion(name: string, version: string): Promise<StoredVersion> {
    throw notBuilt(name, version);
  }

  /** The last committed state, frozen. */
  state(): State {
    throw notBuilt();
  }

  /** Writes the next state, durable when it resolves. Commits wait for each other; `next` sees the newest state. */
  async commit(next: (state: State) => NextFunctions): Promise<State> {
    throw notBuilt(next);
  }

  /** Removes versions that the state does not name and blobs that no version uses. */
  async collect(): Promise<void> {
    throw notBuilt();
  }

  /** The admin token; made on the first call. */
  async token(): Promise<string> {
    throw notBuilt();
  }

  /** Waits for what is being written and gives the lock back. */
  async close(): Promise<void> {
    throw notBuilt();
  }
}

/** Values never appear in messages. */
export interface StoredSecrets {
  put(name: string, key: string, value: string): Promise<void>;
  /** Names only, sorted. */
  list(name: string): Promise<string[]>;
  /** false when there was none. */
  delete(name: string, key: string): Promise<boolean>;
  /** All secrets of a function. */
  read(name: string): Promise<Readonly<Record<string, string>>>;
  /** When the function goes. */
  deleteAll(name: string): Promise<void>;
}

function notBuilt(...given: readonly unknown[]): Error {
  return new Error(`bug: not built yet: ${given.length}`);
}
