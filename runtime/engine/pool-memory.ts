// What a pool's bytes are for.
import type { PoolMemory } from './port.ts';

export const MEMORY_PARTS = ['weightsBytes', 'scratchBytes', 'stagingBytes', 'graphsBytes'] as const satisfies readonly (keyof PoolMemory)[];

export const NO_BYTES: PoolMemory = { weightsBytes: 0, scratchBytes: 0, stagingBytes: 0, graphsBytes: 0 };

export function totalBytes(memory: PoolMemory): number {
  return MEMORY_PARTS.reduce((sum, part) => sum + memory[part], 0);
}

export function addBytes(one: PoolMemory, other: PoolMemory): PoolMemory {
  const [weightsBytes, scratchBytes, stagingBytes, graphsBytes] = MEMORY_PARTS.map((part) => one[part] + other[part]) as [number, number, number, number];
  return { weightsBytes, scratchBytes, stagingBytes, graphsBytes };
}
