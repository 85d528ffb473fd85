// The books of one device's memory: what is promised to loads that are under way and what pools were measured to hold.
// Bytes are promised before a load begins, so that two loads never count on the same free ones.
import { addBytes, NO_BYTES, totalBytes } from '../engine/pool-memory.ts';
import type { PoolMemory } from '../engine/port.ts';
import { assert } from '../errors.ts';

/** `reserved`: promised to a load, estimated. `held`: measured. */
export type LedgerEntry =
  | { readonly state: 'reserved'; readonly bytes: number }
  | { readonly state: 'held'; readonly bytes: number; readonly memory: PoolMemory };

export interface LedgerView extends PoolMemory {
  readonly device: string;
  readonly budgetBytes: number;
  readonly reservedBytes: number;
  readonly freeBytes: number;
}

export class Ledger {
  readonly device: string;
  readonly budgetBytes: number;
  readonly #entries = new Map<string, LedgerEntry>();
  #usedBytes = 0;
  #reservedBytes = 0;

  constructor({ device, budgetBytes }: { readonly device: string; readonly budgetBytes: number }) {
    this.device = device;
    this.budgetBytes = budgetBytes;
  }

  /** Below 0 when pools grew after they were loaded. */
  get freeBytes(): number {
    return this.budgetBytes - this.#usedBytes;
  }

  /** Promised to loads that are under way. */
  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  bytesOf(key: string): number {
    return this.#entries.get(key)?.bytes ?? 0;
  }

  /** Whether the pool was measured, so that the books can be compared with it. */
  holds(key: string): boolean {
    return this.#entries.get(key)?.state === 'held';
  }

  reserve(key: string, bytes: number): void {
    assert(!this.#entries.has(key), `pool ${key} has a place in the ledger already`);
    assert(bytes <= this.freeBytes, `${bytes} bytes were promised to pool ${key} where ${this.freeBytes} are free`);
    this.#write(key, { state: 'reserved', bytes });
  }

  /** What the pool was measured to hold, in place of what was promised or measured before. */
  confirm(key: string, memory: PoolMemory): void {
    assert(this.#entries.has(key), `pool ${key} has no place in the ledger`);
    this.#write(key, { state: 'held', bytes: totalBytes(memory), memory });
  }

  /** Harmless for what has no entry. */
  release(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#count(entry, -1);
    this.#entries.delete(key);
  }

  view(): LedgerView {
    const held = [...this.#entries.values()].reduce((sum, entry) => (entry.state === 'held' ? addBytes(sum, entry.memory) : sum), NO_BYTES);
    return { device: this.device, budgetBytes: this.budgetBytes, reservedBytes: this.#reservedBytes, ...held, freeBytes: this.freeBytes };
  }

  #write(key: string, entry: LedgerEntry): void {
    this.release(key);
    this.#count(entry, 1);
    this.#entries.set(key, entry);
  }

  #count({ state, bytes }: LedgerEntry, sign: 1 | -1): void {
    this.#usedBytes += sign * bytes;
    if (state === 'reserved') this.#reservedBytes += sign * bytes;
  }
}
