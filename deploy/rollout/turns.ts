// Lets pieces of work with the same key run one after the other, in the order they came; the line is bounded.
import { PilotlightError } from '../../runtime/errors.ts';

export class Turns {
  readonly #waitingMax: number;
  readonly #lines = new Map<string, { readonly tail: Promise<unknown>; readonly length: number }>();

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** Runs `work` when all earlier work of the key has ended, well or not. Rejects TOO_BUSY when the line is full. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(key);
    if (line !== undefined && line.length > this.#waitingMax) {
      throw new PilotlightError('TOO_BUSY', `${line.length} rollouts of ${key} are under way or waiting already; try again when they have ended`);
    }
    const result = (line?.tail ?? Promise.resolve()).then(work);
    const tail = result.then(() => this.#leave(key), () => this.#leave(key));
    this.#lines.set(key, { tail, length: (line?.length ?? 0) + 1 });
    return result;
  }

  /** Resolves when nothing runs or waits any more. */
  async idle(): Promise<void> {
    while (this.#lines.size > 0) await Promise.all([...this.#lines.values()].map(({ tail }) => tail));
  }

  #leave(key: string): void {
    const line = this.#lines.get(key);
    if (line === undefined || line.length === 1) this.#lines.delete(key);
    else this.#lines.set(key, { tail: line.tail, length: line.length - 1 });
  }
}
