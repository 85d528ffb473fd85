// The setting `devices`: which devices models may be loaded on, and how many bytes on each. Written as `cpu=80%, gpu:0=14GiB,
// gpu:1=free - 1GiB`: a size, a part of its memory (on the CPU: of the machine's or container's), or what is free at the start less a size.
import type { DeviceBudget, DeviceInfo, DeviceName } from '../engine/port.ts';
import { PilotlightError } from '../errors.ts';
import { bytesOf, SIZE } from './byte-size.ts';
import type { ValueType } from './value-type.ts';

type Amount = (device: DeviceInfo) => number;

interface Entry {
  readonly device: DeviceName;
  readonly amount: Amount;
}

/** Pools on the CPU share the memory with everything else, and what is free there says little: most of it is caches. */
const CPU_PART = 0.8;
/** The rest is for what a driver takes beside the models, which no ledger sees. */
const GPU_PART = 0.9;

export const deviceBudgets: ValueType<string> = {
  expects: 'a budget for each device to use: "cpu=80%, gpu:0=14GiB, gpu:1=free - 1GiB"',
  parseText: (text) => (parseEntries(text) === undefined ? undefined : text),
  parseJson: (value) => (typeof value === 'string' && parseEntries(value) !== undefined ? value : undefined),
};

export const DEVICE_BUDGETS_DEFAULT_ABOUT = `cpu=${CPU_PART * 100}%, and of each GPU that is found ${GPU_PART * 100}% of what is free at the start`;

/**
 * Without a setting all devices are used, but for a GPU that others have taken whole. Throws BAD_SETTING when one is named that the host
 * has not, when a GPU has less than it is given, or when nothing is left of what is free.
 */
export function budgetsOf(setting: string | undefined, devices: readonly DeviceInfo[]): readonly DeviceBudget[] {
  const wanted = setting === undefined ? devices.filter(hasRoom).map(defaultEntry) : parseEntries(setting) ?? [];
  return wanted.map(({ device, amount }) => {
    const found = devices.find((one) => one.device === device);
    if (found === undefined) {
      const known = devices.map((one) => one.device).join(', ');
      throw new PilotlightError('BAD_SETTING', `devices names ${device}, which this host has not; it has ${known}: leave ${device} out, or name one of these`);
    }
    const budgetBytes = Math.floor(amount(found));
    // The CPU may have more than the machine: what is not used can be paged out.
    if (device !== 'cpu' && budgetBytes > found.totalBytes) {
      throw new PilotlightError('BAD_SETTING', `devices gives ${device} ${budgetBytes} bytes, and it has ${found.totalBytes}; ${device}=90% would do`);
    }
    if (budgetBytes > 0) return { device, budgetBytes };
    throw new PilotlightError('BAD_SETTING',
      `devices is "${setting ?? 'left out'}", which leaves nothing of the ${found.freeBytes} bytes that are free; give ${device} a size, or leave it out`);
  });
}

function hasRoom({ device, freeBytes }: DeviceInfo): boolean {
  return device === 'cpu' || freeBytes * GPU_PART >= 1;
}

function defaultEntry({ device }: DeviceInfo): Entry {
  return { device, amount: ({ totalBytes, freeBytes }) => (device === 'cpu' ? totalBytes * CPU_PART : freeBytes * GPU_PART) };
}

function parseEntries(text: string): readonly Entry[] | undefined {
  const entries = text.split(',').map((part) => parseEntry(part.trim()));
  const known = entries.filter((entry) => entry !== undefined);
  const isOnce = new Set(known.map(({ device }) => device)).size === known.length;
  return known.length === entries.length && isOnce ? known : undefined;
}

function parseEntry(text: string): Entry | undefined {
  const [, device, amountText] = /^(cpu|gpu:(?:0|[1-9]\d?)) ?= ?(.+)$/.exec(text) ?? [];
  const amount = amountText === undefined ? undefined : parseAmount(amountText);
  return amount === undefined ? undefined : { device: device as DeviceName, amount };
}

function parseAmount(text: string): Amount | undefined {
  const [, percent] = /^(\d{1,3}(?:\.\d+)?) ?%$/.exec(text) ?? [];
  if (percent !== undefined) return Number(percent) > 0 && Number(percent) <= 100 ? (device) => part(Number(percent) / 100, device) : undefined;
  const [, less, lessUnit] = new RegExp(`^free ?- ?${SIZE}$`).exec(text) ?? [];
  if (less !== undefined) return ({ freeBytes }) => freeBytes - bytesOf(less, lessUnit);
  const [, size, unit] = new RegExp(`^${SIZE}$`).exec(text) ?? [];
  return size === undefined || bytesOf(size, unit) < 1 ? undefined : () => bytesOf(size, unit);
}

/** What another process has on a GPU stays there: a part of it is never more than what was free at the start. */
function part(ratio: number, { device, totalBytes, freeBytes }: DeviceInfo): number {
  return device === 'cpu' ? totalBytes * ratio : Math.min(totalBytes * ratio, freeBytes);
}
