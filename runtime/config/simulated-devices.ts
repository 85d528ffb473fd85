// The setting `simulatedDevices`: GPUs that are not there, to try a host with several without one. Written as
// `gpu:0=16GiB sm 9.0, gpu:1=8GiB taken 2GiB`: bytes, which of them others have taken already, compute capability.
import type { SimulatedDevice } from '../engine/native-engine.ts';
import { bytesOf, SIZE } from './byte-size.ts';
import type { ValueType } from './value-type.ts';

const ENTRY = new RegExp(String.raw`^(gpu:(?:0|[1-9]\d?)) ?= ?${SIZE}(?: taken ${SIZE})?(?: sm (\d{1,2}\.\d))?$`);

export const simulatedDeviceList: ValueType<string> = {
  expects: 'simulated GPUs: "gpu:0=16GiB sm 9.0, gpu:1=8GiB taken 2GiB"',
  parseText: (text) => (parseEntries(text) === undefined ? undefined : text),
  parseJson: (value) => (typeof value === 'string' && parseEntries(value) !== undefined ? value : undefined),
};

export function simulatedDevicesOf(setting: string | undefined): readonly SimulatedDevice[] {
  return setting === undefined ? [] : parseEntries(setting) ?? [];
}

function parseEntries(text: string): readonly SimulatedDevice[] | undefined {
  const entries = text.split(',').map((part) => parseEntry(part.trim()));
  const known = entries.filter((entry) => entry !== undefined);
  const isOnce = new Set(known.map(({ device }) => device)).size === known.length;
  return known.length === entries.length && isOnce ? known : undefined;
}

function parseEntry(text: string): SimulatedDevice | undefined {
  const [, device, size, unit, taken = '0', takenUnit, computeCapability] = ENTRY.exec(text) ?? [];
  if (device === undefined || size === undefined) return undefined;
  const [totalBytes, takenBytes] = [Math.floor(bytesOf(size, unit)), Math.floor(bytesOf(taken, takenUnit))];
  if (totalBytes < 1 || takenBytes > totalBytes) return undefined;
  return { device: device as SimulatedDevice['device'], totalBytes, takenBytes, ...(computeCapability === undefined ? {} : { computeCapability }) };
}
