// Remembers across restarts where pools were put, and what models were measured to hold: so that a restarted host puts them where
// they were, with as many slots, and a model that is deployed again is weighed and not guessed. A loss of this file costs a decision anew.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { totalBytes } from '../engine/pool-memory.ts';
import type { Backend, DeviceName, PoolMemory } from '../engine/port.ts';
import type { ModelSize, Place } from './placement.ts';

/** What a pool is remembered by. */
export interface PlacedAs {
  /** Digest of all that is asked for: the same asks have the same place. Left out where there is nothing to choose. */
  readonly ask?: string;
  /** Digest of the model's file. */
  readonly model: string;
}

interface Model {
  readonly model: string;
  readonly backend: Backend;
  readonly device: DeviceName;
}

interface Written {
  /** The setting `devices`: with another one all is decided anew. */
  readonly devices: string;
  readonly places: Readonly<Record<string, Place>>;
  readonly sizes: Readonly<Record<string, ModelSize>>;
}

/** Those that were measured last stay. */
const SIZES_MAX = 10_000;

export class PlacementBook {
  readonly #file: string | undefined;
  readonly #devices: string;
  readonly #places: Map<string, Place>;
  readonly #sizes: Map<string, ModelSize>;
  #isChanged = false;
  #writing: Promise<void> = Promise.resolve();

  /** Without a file it is forgotten with the process. */
  constructor(file?: string, devices = '', { places = {}, sizes = {} }: Partial<Omit<Written, 'devices'>> = {}) {
    this.#file = file;
    this.#devices = devices;
    this.#places = new Map(Object.entries(places));
    this.#sizes = new Map(Object.entries(sizes));
  }

  /** Begins empty when the file cannot be read. `devices`: what the setting says. */
  static async open(file: string, devices = ''): Promise<PlacementBook> {
    const written = await readWritten(file);
    return new PlacementBook(file, devices, { sizes: written?.sizes ?? {}, places: written?.devices === devices ? written.places : {} });
  }

  placeOf(ask: string): Place | undefined {
    return this.#places.get(ask);
  }

  put(ask: string, { device, slots }: Place): void {
    const before = this.#places.get(ask);
    if (before?.device === device && before.slots === slots) return;
    this.#places.set(ask, { device, slots });
    this.#isChanged = true;
  }

  /** Nobody asks for it any more. */
  forget(ask: string): void {
    if (this.#places.delete(ask)) this.#isChanged = true;
  }

  sizeOf(model: Model): ModelSize | undefined {
    return this.#sizes.get(nameOf(model));
  }

  measured(model: Model, slots: number, memory: PoolMemory): void {
    const { weightsBytes } = memory;
    const size = { weightsBytes, slotBytes: Math.ceil((totalBytes(memory) - weightsBytes) / slots) };
    const before = this.sizeOf(model);
    if (before?.weightsBytes === size.weightsBytes && before.slotBytes === size.slotBytes) return;
    const name = nameOf(model);
    this.#sizes.delete(name);
    this.#sizes.set(name, size);
    const [eldest] = this.#sizes.keys();
    if (this.#sizes.size > SIZES_MAX && eldest !== undefined) this.#sizes.delete(eldest);
    this.#isChanged = true;
  }

  /** If there is anything new. Never rejects: the host serves on without it. */
  write(): Promise<void> {
    const file = this.#file;
    if (this.#isChanged && file !== undefined) {
      this.#isChanged = false;
      const written: Written = { devices: this.#devices, places: Object.fromEntries(this.#places), sizes: Object.fromEntries(this.#sizes) };
      this.#writing = this.#writing.then(() => replace(file, JSON.stringify(written))).catch(() => {});
    }
    return this.#writing;
  }
}

/** What a GPU of one kind holds another holds too. */
function nameOf({ model, backend, device }: Model): string {
  return `${model} ${backend} ${device === 'cpu' ? 'cpu' : 'gpu'}`;
}

async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.next`, text);
  await rename(`${file}.next`, file);
}

async function readWritten(file: string): Promise<Written | undefined> {
  try {
    const { devices, places, sizes } = JSON.parse(await readFile(file, 'utf8')) as Partial<Written>;
    const isWhole = typeof devices === 'string' && every(places, isPlace) && every(sizes, isSize);
    return isWhole ? { devices, places: places as Written['places'], sizes: sizes as Written['sizes'] } : undefined;
  } catch {
    return undefined;
  }
}

function every(of: unknown, is: (value: Readonly<Record<string, unknown>>) => boolean): boolean {
  return typeof of === 'object' && of !== null && Object.values(of).every((value) => typeof value === 'object' && value !== null && is(value as Readonly<Record<string, unknown>>));
}

function isPlace({ device, slots }: Readonly<Record<string, unknown>>): boolean {
  return typeof device === 'string' && /^(cpu|gpu:\d+)$/.test(device) && Number.isSafeInteger(slots) && Number(slots) >= 1;
}

function isSize({ weightsBytes, slotBytes }: Readonly<Record<string, unknown>>): boolean {
  return Number.isSafeInteger(weightsBytes) && Number.isSafeInteger(slotBytes);
}
