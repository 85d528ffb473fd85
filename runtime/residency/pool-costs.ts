// Remembers, also across restarts, what pools were measured to hold and how long they took to load: better than what their files
// let expect. A loss of the file costs exactness, nothing else.
import { readFile, rename, writeFile } from 'node:fs/promises';

export interface PoolCost {
  readonly bytes: number;
  /** 0: not known. */
  readonly loadMs: number;
}

/** Of the pools that were learned of last; each new version of a model is a pool of its own. */
const POOLS_MAX = 4_096;

export class PoolCosts {
  readonly #file: string | undefined;
  /** The last learned last. */
  readonly #costs: Map<string, PoolCost>;
  #isChanged = false;
  #writing: Promise<void> = Promise.resolve();

  /** `file`: where `save` writes; left out: nowhere. */
  constructor(file?: string, known: Iterable<readonly [key: string, cost: PoolCost]> = []) {
    this.#file = file;
    this.#costs = new Map(known);
  }

  /** Empty where the file is missing or not ours. */
  static async open(file: string): Promise<PoolCosts> {
    try {
      const found: unknown = JSON.parse(await readFile(file, 'utf8'));
      return new PoolCosts(file, Array.isArray(found) ? found.filter(isEntry) : []);
    } catch {
      return new PoolCosts(file);
    }
  }

  of(key: string): PoolCost | undefined {
    return this.#costs.get(key);
  }

  /** What is left out stays as it was known. */
  learn(key: string, cost: Partial<PoolCost>): void {
    const { bytes = 0, loadMs = 0 } = this.#costs.get(key) ?? {};
    this.#costs.delete(key);
    this.#costs.set(key, { bytes, loadMs, ...cost });
    this.#isChanged = true;
    const [oldest] = this.#costs.keys();
    if (this.#costs.size > POOLS_MAX && oldest !== undefined) this.#costs.delete(oldest);
  }

  /** Writes what is new. Never rejects: the host serves on without it. */
  save(): Promise<void> {
    const file = this.#file;
    if (this.#isChanged && file !== undefined) {
      this.#isChanged = false;
      const text = JSON.stringify([...this.#costs]);
      this.#writing = this.#writing.then(async () => {
        await writeFile(`${file}.next`, text);
        await rename(`${file}.next`, file);
      }).catch(() => {});
    }
    return this.#writing;
  }
}

function isEntry(value: unknown): value is [string, PoolCost] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [key, cost] = value as [unknown, unknown];
  if (typeof key !== 'string' || typeof cost !== 'object' || cost === null) return false;
  const { bytes, loadMs } = cost as Partial<Record<keyof PoolCost, unknown>>;
  return isAmount(bytes) && isAmount(loadMs);
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
