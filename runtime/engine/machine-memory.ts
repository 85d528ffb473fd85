// The memory that models on the CPU can have.
import { freemem, totalmem } from 'node:os';

/** Of the machine, or of the container if that has less. */
export interface MachineMemory {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

export function machineMemory(): MachineMemory {
  // Without a limit it is 0 or larger than the machine.
  const limit = process.constrainedMemory();
  const totalBytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return { totalBytes, freeBytes: Math.min(freemem(), totalBytes) };
}
