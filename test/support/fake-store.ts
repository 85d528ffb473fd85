// A store in memory: versions, state and secrets, with the same promises as the real one and none of its files.
import { PilotlightError } from '../../runtime/errors.ts';
import { bundleVersion } from '../../deploy/bundle/bundle.ts';
import type { Bundle, BundleFile, NextFunctions, State, StoredSecrets, StoredVersion } from '../../deploy/store/store.ts';

type Operation = 'missing' | 'putBlob' | 'addVersion' | 'discard' | 'readVersion' | 'commit' | 'collect' | 'secrets';

export class FakeStore {
  /** Called before each operation; throw or wait here. */
  before: (operation: Operation) => void | Promise<void> = () => {};
  readonly blobs = new Map<string, Uint8Array>();
  readonly versions = new Map<string, StoredVersion>();
  /** `name@version` of those that cannot be read. */
  readonly damaged = new Set<string>();
  readonly secretValues = new Map<string, Map<string, string>>();
  #state: State = { generation: 0, functions: {} };

  async missing(files: Readonly<Record<string, BundleFile>>): Promise<string[]> {
    await this.before('missing');
    return [...new Set(Object.values(files).map(({ sha256 }) => sha256))].filter((sha256) => !this.blobs.has(sha256)).sort();
  }

  async putBlob(sha256: string, bytes: number, source: AsyncIterable<Uint8Array>): Promise<void> {
    await this.before('putBlob');
    const chunks: Uint8Array[] = [];
    for await (const chunk of source) chunks.push(chunk);
    const blob = Buffer.concat(chunks);
    if (blob.byteLength !== bytes) throw new PilotlightError('BAD_BUNDLE', `blob ${sha256} has ${blob.byteLength} bytes, ${bytes} were announced`);
    this.blobs.set(sha256, blob);
  }

  async addVersion(bundle: Bundle): Promise<StoredVersion> {
    await this.before('addVersion');
    const version = bundleVersion(bundle);
    const stored = { name: bundle.manifest.name, version, folder: `/store/${bundle.manifest.name}/${version}`, bundle };
    this.damaged.delete(`${stored.name}@${version}`);
    this.versions.set(`${stored.name}@${version}`, stored);
    return stored;
  }

  async discard(name: string, version: string): Promise<void> {
    await this.before('discard');
    const kept = this.#state.functions[name]?.history.some((entry) => entry.version === version);
    if (kept !== true) this.versions.delete(`${name}@${version}`);
  }

  async readVersion(name: string, version: string): Promise<StoredVersion> {
    await this.before('readVersion');
    const stored = this.versions.get(`${name}@${version}`);
    if (stored === undefined) throw new PilotlightError('NO_VERSION', `${name}@${version} is not in the store`);
    if (this.damaged.has(`${name}@${version}`)) throw new PilotlightError('STORE_FAILED', `${name}@${version} is not what was stored; deploy ${name} again`);
    return stored;
  }

  state(): State {
    return this.#state;
  }

  async commit(next: (state: State) => NextFunctions): Promise<State> {
    await this.before('commit');
    this.#state = { generation: this.#state.generation + 1, functions: next(this.#state) };
    return this.#state;
  }

  async collect(): Promise<readonly { readonly name: string; readonly version: string }[]> {
    await this.before('collect');
    return [...this.damaged].flatMap((id) => this.versions.get(id) ?? []);
  }

  readonly secrets: StoredSecrets = {
    put: async (name, key, value) => {
      await this.before('secrets');
      this.secretValues.set(name, (this.secretValues.get(name) ?? new Map()).set(key, value));
    },
    list: async (name) => [...(this.secretValues.get(name)?.keys() ?? [])].sort(),
    delete: async (name, key) => this.secretValues.get(name)?.delete(key) ?? false,
    read: async (name) => {
      await this.before('secrets');
      return Object.fromEntries(this.secretValues.get(name) ?? []);
    },
    deleteAll: async (name) => {
      await this.before('secrets');
      this.secretValues.delete(name);
    },
  };
}
