// Any thread's side of the engine port: submits straight to the native pools that all threads of the process share.
import { PilotlightError } from '../errors.ts';
import type { Lease } from '../sdk.ts';
import { ANY_SLOT, threadChannel, type Channel } from './channel.ts';
import type { PoolHandle } from './pool-handle.ts';
import type { EngineClient, RunOptions, RunResult } from './port.ts';
import type { Signature, Tensors } from './tensor.ts';

export class NativeClient implements EngineClient {
  readonly #channel: Channel;
  readonly #pools = new Map<string, PoolHandle>();

  /** Left out: the channel of this thread. A benchmark brings that of another build. */
  constructor(channel = threadChannel()) {
    this.#channel = channel;
  }

  run(key: string, signature: Signature, inputs: Tensors, options: RunOptions): Promise<RunResult> {
    let pool: PoolHandle;
    try {
      pool = this.#pool(key, signature);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    return this.#channel.run(pool, ANY_SLOT, inputs, options);
  }

  /** Keeps an open pool resident until released; throws NOT_RESIDENT. A thread that ends lets all of its holds go. */
  hold(key: string): Lease {
    const { addon } = this.#channel;
    const pool = addon.intern(key);
    if (!addon.hold(pool)) throw new PilotlightError('NOT_RESIDENT', `pool ${key} is not resident: it must be loaded and open to be held`);
    let held = true;
    const release = (): void => {
      if (held) addon.release(pool);
      held = false;
    };
    return { release, [Symbol.dispose]: release };
  }

  #pool(key: string, signature: Signature): PoolHandle {
    const known = this.#pools.get(key);
    if (known !== undefined && known.signature === signature) return known;
    const pool = this.#channel.pool(key, signature);
    this.#pools.set(key, pool);
    return pool;
  }
}
