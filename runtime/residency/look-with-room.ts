// A look at a model that its engine has to load for that: on a device it holds bytes for a moment, which nobody else may count on meanwhile.
import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { Device } from './devices.ts';

export interface Look {
  /** The model's file. */
  readonly path: string;
  /** Longest wait for room. */
  readonly limitMs: number;
}

/** An engine's bytes for those of its file: a plan of 50.6 MiB was seen to take 82. */
const ENGINE_PART = 1.6;

/** Rejects NEVER_FITS or NO_MEMORY as a load does. */
export async function lookWithRoom<T>({ ledger, room }: Pick<Device, 'ledger' | 'room'>, { path, limitMs }: Look, work: () => Promise<T>): Promise<T> {
  const { size } = await stat(path);
  const key = `look ${randomBytes(4).toString('hex')}`;
  await room.make(key, { bytes: Math.ceil(size * ENGINE_PART), name: `a look at ${path}`, limitMs, from: 'others', regard: undefined });
  try {
    return await work();
  } finally {
    ledger.release(key);
    room.changed();
  }
}
