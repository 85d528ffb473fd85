// Which device the pools of a version come to, and with how many slots: decided from a snapshot of the devices' books and nothing else.
// A place that was chosen before is kept while it fits; a pool that is declared already is shared; else the device with most room is
// taken, a GPU before the CPU.
import type { DeviceName } from '../engine/port.ts';

/** What a model holds on a device. */
export interface ModelSize {
  readonly weightsBytes: number;
  readonly slotBytes: number;
}

/** What a model asks of the devices. */
export interface PlacementAsk {
  readonly binding: string;
  /** Those that its manifest allows and its backend loads on; one at least. */
  readonly devices: readonly DeviceName[];
  /** `auto`: as many as the memory allows; undefined: what is usual on the device. */
  readonly slots: number | 'auto' | undefined;
  /** Usual on the CPU, and the most that `auto` takes there. */
  readonly cores: number;
  readonly pinned: boolean;
  readonly sizeOn: (device: DeviceName) => ModelSize;
  readonly keyOn: (device: DeviceName, slots: number) => string;
  /** Where the same was put before. */
  readonly before?: Place | undefined;
}

export interface Place {
  readonly device: DeviceName;
  readonly slots: number;
}

export interface PlacementDevice {
  readonly device: DeviceName;
  readonly budgetBytes: number;
  /** Of pools that others have pinned: never given up. */
  readonly pinnedBytes: number;
  /** Of all pools that versions declare here, loaded or not. */
  readonly declaredBytes: number;
}

export interface PlacementSnapshot {
  readonly devices: readonly PlacementDevice[];
  /** Keys of pools that are declared. */
  readonly declared: ReadonlySet<string>;
}

export interface Placement extends Place {
  /** Expected. */
  readonly bytes: number;
  /** How `auto` came to the number of slots. */
  readonly slotsBecause?: string;
  /** Where it does not fit: what it would need there, and what it may have. */
  readonly tooLarge: readonly { readonly device: DeviceName; readonly needBytes: number; readonly haveBytes: number }[];
}

const GPU_SLOTS = 4;
/** More bring a GPU nothing: its runs share the same units. */
const GPU_SLOTS_MAX = 8;
/** Of the memory share: arenas grow, and other pools must be loaded beside this one. */
const RESERVE_PART = 0.1;

interface Option {
  readonly placement: Placement;
  readonly haveBytes: number;
  readonly roomBytes: number;
  readonly isDeclared: boolean;
}

/**
 * One for each ask, in their order; each counts on what those before it took. One that fits nowhere is put where it could have most: what
 * that means is for the fit to say.
 */
export function place(asks: readonly PlacementAsk[], snapshot: PlacementSnapshot): readonly Placement[] {
  const declared = new Set(snapshot.declared);
  let devices = snapshot.devices;
  return asks.map((ask) => {
    const placement = placeOne(ask, { devices, declared });
    const key = ask.keyOn(placement.device, placement.slots);
    const more = declared.has(key) ? 0 : placement.bytes;
    declared.add(key);
    devices = devices.map((one) => (one.device !== placement.device ? one : {
      ...one, declaredBytes: one.declaredBytes + more, pinnedBytes: one.pinnedBytes + (ask.pinned ? more : 0),
    }));
    return placement;
  });
}

function placeOne(ask: PlacementAsk, snapshot: PlacementSnapshot): Placement {
  const known = snapshot.devices.filter(({ device }) => ask.devices.includes(device));
  const options = known.map((device) => optionOn(device, ask, snapshot.declared));
  const tooLarge = options.filter((one) => !fits(one))
    .map(({ placement: { device, bytes }, haveBytes }) => ({ device, needBytes: bytes, haveBytes }));
  const fitting = options.filter(fits);
  const before = known.flatMap((device) => (ask.before?.device === device.device ? [optionOn(device, ask, snapshot.declared, ask.before.slots)] : [])).find(fits);
  const chosen = before ?? fitting.toSorted(byWorth)[0] ?? options.toSorted((a, b) => b.haveBytes - a.haveBytes)[0];
  // Whoever asks has made sure of it: a file that no device takes is refused before.
  if (chosen === undefined) throw new RangeError(`model ${ask.binding} may be on ${ask.devices.join(', ')}, and none of these has a budget`);
  return { ...chosen.placement, tooLarge };
}

function fits({ placement, haveBytes }: Option): boolean {
  return placement.bytes <= haveBytes;
}

function byWorth(a: Option, b: Option): number {
  const isGpu = ({ placement }: Option): number => (placement.device === 'cpu' ? 0 : 1);
  return isGpu(b) - isGpu(a) || Number(b.isDeclared) - Number(a.isDeclared) || b.roomBytes - a.roomBytes;
}

function optionOn({ device, budgetBytes, pinnedBytes, declaredBytes }: PlacementDevice, ask: PlacementAsk, declared: ReadonlySet<string>, settled?: number): Option {
  const size = ask.sizeOn(device);
  const haveBytes = budgetBytes - pinnedBytes;
  const counted = countSlots(ask, { device, haveBytes, size });
  const { slots, slotsBecause } = settled === undefined ? counted : { slots: settled, slotsBecause: counted.slotsBecause && `${settled}, as before` };
  const bytes = size.weightsBytes + slots * size.slotBytes;
  return {
    placement: { device, slots, bytes, tooLarge: [], ...(slotsBecause === undefined ? {} : { slotsBecause }) },
    haveBytes, roomBytes: budgetBytes - declaredBytes, isDeclared: declared.has(ask.keyOn(device, slots)),
  };
}

interface SlotCount {
  readonly slots: number;
  readonly slotsBecause?: string | undefined;
}

function countSlots({ slots, cores }: PlacementAsk, { device, haveBytes, size }: { readonly device: DeviceName; readonly haveBytes: number; readonly size: ModelSize }): SlotCount {
  if (slots === undefined) return { slots: device === 'cpu' ? cores : GPU_SLOTS };
  if (slots !== 'auto') return { slots };
  const slotsMax = device === 'cpu' ? cores : GPU_SLOTS_MAX;
  const reserveBytes = haveBytes * RESERVE_PART;
  const allowed = Math.floor((haveBytes - reserveBytes - size.weightsBytes) / Math.max(1, size.slotBytes));
  const taken = Math.max(1, Math.min(allowed, slotsMax));
  const least = taken > allowed ? ', at least 1' : '';
  const most = taken < allowed ? `, at most ${slotsMax}${device === 'cpu' ? ' (cores)' : ' on a GPU'}` : '';
  const sum = `(${amount(haveBytes)} - ${amount(reserveBytes)} reserve - ${amount(size.weightsBytes)} weights) / ${amount(size.slotBytes)} a slot`;
  return { slots: taken, slotsBecause: `${sum} = ${Math.max(0, allowed)}${least}${most}` };
}

function amount(bytes: number): string {
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
