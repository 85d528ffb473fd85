// In which order pools may be given up: least recently used first, weighted by what a reload costs for the bytes that it
// frees (GreedyDual-Size: P. Cao and S. Irani, "Cost-Aware WWW Proxy Caching Algorithms", USENIX 1997). Plain LRU where
// that price is the same for all.
import { LRUCache } from 'lru-cache';

export interface UsedPool {
  readonly bytes: number;
  /** What loading it again would take. */
  readonly loadMs: number;
  /** Stamp of the last use. */
  readonly usedMs: number;
}

interface Place {
  readonly usedMs: number;
  /** Price of the pool's class on top of what was given up dearest until its last use. */
  readonly credit: number;
}

/** Prices that differ by less than this factor are one class, which is an LRU of its own. */
const CLASS_FACTOR = 2 ** 0.25;

/**
 * The pools of one class stand in the order of their last use, which is that of their credit too. So the least of all is
 * the last of one of the classes, and these are few: prices between 1 us and 1 h a MiB make 127.
 */
export class UseOrder {
  readonly #classes = new Map<number, LRUCache<string, Place>>();
  readonly #classOf = new Map<string, number>();
  /** Credit of the dearest pool given up so far: what was used since is worth more than that. */
  #inflation = 0;

  /** A pool that was loaded. */
  add(key: string, { bytes, loadMs, usedMs }: UsedPool): void {
    this.remove(key);
    const price = Math.max(loadMs, 0.001) / Math.max(bytes / 2 ** 20, 0.001);
    const index = Math.round(Math.log(price) / Math.log(CLASS_FACTOR));
    this.#classOf.set(key, index);
    const places = this.#classes.get(index) ?? new LRUCache<string, Place>({ max: 1_000_000 });
    this.#classes.set(index, places);
    places.set(key, { usedMs, credit: this.#inflation + CLASS_FACTOR ** index });
  }

  /** Brings the order up to date with the stamps of last use; those that are no newer change nothing. */
  use(stamps: Iterable<readonly [key: string, usedMs: number]>): void {
    const newer = [...stamps].filter(([key, usedMs]) => usedMs > (this.#placeOf(key)?.usedMs ?? Infinity));
    for (const [key, usedMs] of newer.sort(([, a], [, b]) => a - b)) {
      const index = this.#classOf.get(key) ?? 0;
      this.#classes.get(index)?.set(key, { usedMs, credit: this.#inflation + CLASS_FACTOR ** index });
    }
  }

  /** A pool that was given up to make room: all that is used from now on is worth more. */
  giveUp(key: string): void {
    this.#inflation = Math.max(this.#inflation, this.#placeOf(key)?.credit ?? 0);
    this.remove(key);
  }

  remove(key: string): void {
    const index = this.#classOf.get(key);
    if (index === undefined) return;
    this.#classOf.delete(key);
    const places = this.#classes.get(index);
    places?.delete(key);
    if (places?.size === 0) this.#classes.delete(index);
  }

  usedMs(key: string): number | undefined {
    return this.#placeOf(key)?.usedMs;
  }

  /** Keys, first what is to be given up first. The order must not change meanwhile. */
  *leastFirst(): Generator<string> {
    const lines = [...this.#classes.values()].map((places) => ({ entries: places.rentries(), next: undefined as [string, Place] | undefined }));
    const step = (line: (typeof lines)[number]): void => {
      const { done, value } = line.entries.next();
      line.next = done === true ? undefined : (value as [string, Place]);
    };
    lines.forEach(step);
    for (;;) {
      const least = lines.reduce<(typeof lines)[number] | undefined>((best, line) => (isLess(line.next, best?.next) ? line : best), undefined);
      if (least?.next === undefined) return;
      yield least.next[0];
      step(least);
    }
  }

  #placeOf(key: string): Place | undefined {
    const index = this.#classOf.get(key);
    return index === undefined ? undefined : this.#classes.get(index)?.peek(key);
  }
}

function isLess(one: [string, Place] | undefined, other: [string, Place] | undefined): boolean {
  if (one === undefined || other === undefined) return one !== undefined;
  const [{ credit, usedMs }, than] = [one[1], other[1]];
  return credit < than.credit || (credit === than.credit && usedMs < than.usedMs);
}
