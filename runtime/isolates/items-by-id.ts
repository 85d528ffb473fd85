// Requests by the ids of a port, whose low bits are small numbers. Not a Map: V8 leaves the tables that a Map outgrows
// linked to their successors, and in a Map that lives long with entries that do not, these chains kept every request of the
// last second alive; half of the ingress thread's time went to the garbage collector.

export const SLOT_BITS = 16;

export function slotOf(id: number): number {
  return id & (2 ** SLOT_BITS - 1);
}

export class ItemsById<Item> {
  readonly #ids: number[] = [];
  readonly #items: (Item | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  put(id: number, item: Item): void {
    const slot = slotOf(id);
    while (this.#items.length <= slot) {
      this.#ids.push(-1);
      this.#items.push(undefined);
    }
    if (this.#items[slot] === undefined) this.#size += 1;
    this.#ids[slot] = id;
    this.#items[slot] = item;
  }

  get(id: number): Item | undefined {
    const slot = slotOf(id);
    return this.#ids[slot] === id ? this.#items[slot] : undefined;
  }

  take(id: number): Item | undefined {
    const item = this.get(id);
    if (item === undefined) return undefined;
    this.#items[slotOf(id)] = undefined;
    this.#size -= 1;
    return item;
  }

  /** Ids of all items. */
  ids(): number[] {
    return this.#ids.filter((_, slot) => this.#items[slot] !== undefined);
  }
}
