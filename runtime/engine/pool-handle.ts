// A pool as one thread knows it: good for ever, whether or not the pool is resident.
import { InputCheck } from './check.ts';
import type { Signature } from './tensor.ts';

export class PoolHandle {
  /** Native's name of the pool. */
  readonly index: number;
  readonly signature: Signature;
  readonly check: InputCheck;

  constructor(index: number, signature: Signature) {
    this.index = index;
    this.signature = signature;
    this.check = new InputCheck(signature);
  }
}
