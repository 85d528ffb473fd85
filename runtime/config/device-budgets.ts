// The setting `devices`: which devices models may be loaded on, and how many bytes on each. Written as
// `cpu=4GiB`, `cpu=80%` (of the machine's memory, or of the container's) or `cpu=free - 1GiB` (of what is free at the start).
import { machineMemory, type MachineMemory } from '../engine/machine-memory.ts';
import type { DeviceBudget, DeviceName } from '../engine/port.ts';
import { PilotlightError } from '../errors.ts';
import type { ValueType } from './value-type.ts';

type Amount = (memory: MachineMemory) => number;

interface Entry {
  readonly device: DeviceName;
  readonly amount: Amount;
}

const UNITS: Readonly<Record<string, number>> = {
  B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40,
};
const SIZE = String.raw`(\d+(?:\.\d+)?) ?([KMGT]i?B|B)`;

export const deviceBudgets: ValueType<string> = {
  expects: 'a budget for the device cpu: cpu=4GiB, cpu=80% or "cpu=free - 1GiB"',
  parseText: (text) => (parseEntries(text) === undefined ? undefined : text),
  parseJson: (value) => (typeof value === 'string' && parseEntries(value) !== undefined ? value : undefined),
};

/** Throws BAD_SETTING when nothing is left of what is free. */
export function budgetsOf(setting: string, memory: MachineMemory = machineMemory()): readonly DeviceBudget[] {
  return (parseEntries(setting) ?? []).map(({ device, amount }) => {
    const budgetBytes = Math.floor(amount(memory));
    if (budgetBytes > 0) return { device, budgetBytes };
    throw new PilotlightError('BAD_SETTING', `devices is "${setting}", which leaves nothing of the ${memory.freeBytes} bytes that are free; give ${device} a size`);
  });
}

function parseEntries(text: string): readonly Entry[] | undefined {
  const entries = text.split(',').map((part) => parseEntry(part.trim()));
  const known = entries.filter((entry) => entry !== undefined);
  const isOnce = new Set(known.map(({ device }) => device)).size === known.length;
  return known.length === entries.length && isOnce ? known : undefined;
}

function parseEntry(text: string): Entry | undefined {
  const [, amountText] = /^cpu ?= ?(.+)$/.exec(text) ?? [];
  const amount = amountText === undefined ? undefined : parseAmount(amountText);
  return amount === undefined ? undefined : { device: 'cpu', amount };
}

function parseAmount(text: string): Amount | undefined {
  const [, percent] = /^(\d{1,3}(?:\.\d+)?) ?%$/.exec(text) ?? [];
  if (percent !== undefined) return Number(percent) > 0 && Number(percent) <= 100 ? ({ totalBytes }) => (totalBytes * Number(percent)) / 100 : undefined;
  const [, less, lessUnit] = new RegExp(`^free ?- ?${SIZE}$`).exec(text) ?? [];
  if (less !== undefined) return ({ freeBytes }) => freeBytes - bytesOf(less, lessUnit);
  const [, size, unit] = new RegExp(`^${SIZE}$`).exec(text) ?? [];
  return size === undefined || bytesOf(size, unit) < 1 ? undefined : () => bytesOf(size, unit);
}

function bytesOf(size: string, unit = 'B'): number {
  return Number(size) * (UNITS[unit] ?? 1);
}
