// Gives requests their ids on a port: a slot, which is free again when its request is over, and how often it was used, so
// that a word that comes late does not name the successor.
import { assert } from '../errors.ts';
import { ItemsById, SLOT_BITS, slotOf } from './items-by-id.ts';

const SLOTS_MAX = 2 ** SLOT_BITS;
/** Ids stay below 2^30, where V8 keeps them without a heap number. */
const USES = 2 ** 14;

export class SlotTable<Item> {
  readonly #items = new ItemsById<Item>();
  /** The next id of each slot that is free. */
  readonly #free: number[] = [];
  #slots = 0;

  get size(): number {
    return this.#items.size;
  }

  /** Gives the item's id. */
  add(item: Item): number {
    const id = this.#free.pop() ?? this.#slots++;
    assert(this.#slots <= SLOTS_MAX, `more than ${SLOTS_MAX} requests on one port`);
    this.#items.put(id, item);
    return id;
  }

  get(id: number): Item | undefined {
    return this.#items.get(id);
  }

  /** Gives the item and frees its slot. */
  take(id: number): Item | undefined {
    const item = this.#items.take(id);
    if (item !== undefined) this.#free.push(slotOf(id) + (((id >>> SLOT_BITS) + 1) % USES) * SLOTS_MAX);
    return item;
  }

  items(): Item[] {
    return this.#items.ids().map((id) => this.get(id) as Item); // these ids have items
  }

  /** Takes all. */
  clear(): Item[] {
    const items = this.items();
    for (const id of this.#items.ids()) this.take(id);
    return items;
  }
}
