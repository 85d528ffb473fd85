// Loads a pool on a device that may have less than its books say: when it refuses, others on it give up theirs, and it is tried again.
import type { EngineControl, LoadedPool, PoolSpec } from '../engine/port.ts';
import { PilotlightError } from '../errors.ts';
import { afterRefusal, type RefusedLoad } from './refused-load.ts';
import { takenElsewhere } from './taken-elsewhere.ts';

export interface LoadWhereRoom {
  readonly engine: EngineControl;
  readonly spec: PoolSpec;
  readonly deadlineMs: number;
  /** For messages. */
  readonly name: string;
  readonly expectedBytes: number;
  /** As they are now. */
  readonly books: () => Omit<RefusedLoad, 'deviceFreeBytes'>;
  /** Reserves so many bytes in the place of those that are reserved; rejects when nobody gives up enough. */
  readonly reserve: (bytes: number) => Promise<void>;
  /** It needs more than the device has. */
  readonly onTooLarge: (leastBytes: number) => void;
}

/** Rejects NO_MEMORY with need and have while others hold what is missing, and NEVER_FITS when it was refused alone on the whole device. */
export async function loadWhereRoom({ engine, spec, deadlineMs, name, expectedBytes, books, reserve, onTooLarge }: LoadWhereRoom): Promise<LoadedPool> {
  const look = () => engine.devices().find(({ device }) => device === spec.device);
  for (;;) {
    try {
      return await engine.load(spec, deadlineMs);
    } catch (error) {
      const isRefused = error instanceof PilotlightError && error.code === 'NO_MEMORY';
      let device = look();
      if (!isRefused || device === undefined) throw error;
      const fail = (): unknown => takenElsewhere(error, { name, bytes: expectedBytes, device });
      // Of the CPU nobody knows what is free: most of what is not is caches.
      if (device.device === 'cpu') throw fail();
      const triedWithBytes = device.freeBytes;
      // Where nobody had to give up anything, another try would end as this one.
      while (device.freeBytes <= triedWithBytes) {
        const after = afterRefusal({ ...books(), deviceFreeBytes: device.freeBytes });
        if (after.act === 'fail') throw fail();
        if (after.act === 'never') {
          onTooLarge(after.leastBytes);
          const advice = 'another device, fewer slots or a smaller model would do';
          throw new PilotlightError('NEVER_FITS', `${name} does not fit on ${spec.device}: ${error.message}; ${advice}`, { cause: error });
        }
        await reserve(after.bytes);
        device = look() ?? device;
      }
    }
  }
}
