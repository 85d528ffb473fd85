// What residency is told of a pool: what to load, for whom, and how to warm it.
import type { PoolSpec } from '../engine/port.ts';
import type { Signature, Tensors } from '../engine/tensor.ts';
import type { TakenVariant } from '../records.ts';
import type { PlacedAs } from './placement-book.ts';

/** One input set to warm with, and what must come out if the manifest's author said so. */
export interface WarmSample {
  /** For messages: a file name, or the shape of a generated sample. */
  readonly name: string;
  readonly inputs: Tensors;
  /** Expected outputs by name; outputs not named are only checked for shape and finiteness. */
  readonly expect?: Tensors;
  /** Largest absolute difference from `expect`; 1e-4 when left out. */
  readonly tolerance?: number;
}

export interface PoolPlan {
  readonly spec: PoolSpec;
  /** Who asked for it first: for logs, traces and error texts. */
  readonly function: string;
  readonly binding: string;
  readonly residency: 'lru' | 'pinned';
  /** Unloaded when it was not used for so long; left out: kept until others need the room. */
  readonly idleTimeoutMs?: number;
  /** Of a model with variants. */
  readonly variant?: TakenVariant;
  /** What it takes and gives by the word of a file beside it, which the load has to show right. Left out: its engine said so. */
  readonly told?: Signature;
  /** What it is expected to hold before it was ever measured. */
  readonly bytes: number;
  /** Left out: neither its place nor its size is remembered. */
  readonly placedAs?: PlacedAs;
  readonly warm: {
    /** Names the samples and runs: a pool that was warmed with them once while it is loaded need not be again. */
    readonly id: string;
    /** Runs of each sample on each slot; at least 2, since a slot's first run is never like its second. */
    readonly runs: number;
    /** Read at each load, so that samples cost no memory meanwhile; the first `countMax`, or all. Empty: zeros over the grid of shapes. */
    samples(countMax?: number): Promise<readonly WarmSample[]>;
  };
}
