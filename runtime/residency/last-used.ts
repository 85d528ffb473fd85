// Remembers across restarts which pools were resident, or which functions ran, and in which order they were used, so that a
// restarted host loads and starts first what traffic will ask for first. A loss of this file costs order, nothing else.
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { PoolView } from './residency.ts';

/** Keys, most recently used first; undefined when nothing is remembered. */
export async function readLastUsed(file: string): Promise<readonly string[] | undefined> {
  try {
    const keys: unknown = JSON.parse(await readFile(file, 'utf8'));
    return Array.isArray(keys) && keys.every((key) => typeof key === 'string') ? keys : undefined;
  } catch {
    return undefined;
  }
}

export class LastUsed {
  readonly #file: string;
  #written = '';
  #writing: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /** The pools that are resident. */
  remember(pools: readonly PoolView[]): Promise<void> {
    return this.rememberKeys(pools.filter(({ state }) => state === 'resident')
      .sort((a, b) => (b.stats?.lastUsedMs ?? 0) - (a.stats?.lastUsedMs ?? 0))
      .map(({ key }) => key));
  }

  /** Writes if the order changed. Never rejects: the host serves on without it. */
  rememberKeys(keys: readonly string[]): Promise<void> {
    const text = JSON.stringify(keys);
    if (text !== this.#written) {
      this.#written = text;
      this.#writing = this.#writing.then(() => this.#write(text)).catch(() => {});
    }
    return this.#writing;
  }

  async #write(text: string): Promise<void> {
    await writeFile(`${this.#file}.next`, text);
    await rename(`${this.#file}.next`, this.#file);
  }
}
