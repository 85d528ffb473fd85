// What a function author imports: types of the handler, its context and its model bindings.
import type { Tensor, Tensors } from './engine/tensor.ts';

export type { ElementType, Tensor, TensorData, Tensors } from './engine/tensor.ts';

export interface RunOptions {
  /** Gives the run up when aborted; the request's own deadline always does. */
  readonly signal?: AbortSignal;
  /** Milliseconds; never longer than what is left of the request. */
  readonly timeoutMs?: number;
}

/** A hold on a pool: it stays resident until disposed. */
export interface Lease extends Disposable {
  /** Same as disposing; twice is harmless. */
  release(): void;
}

/**
 * A model binding, `env.NAME`.
 *
 * `run` takes and gives named tensors and rejects with a coded error (`error.code`) before anything is
 * sent when a name, type, shape or length is wrong.
 */
export interface Model<Inputs extends Tensors = Tensors, Outputs extends Tensors = Record<string, Tensor>> {
  run(inputs: Inputs, options?: RunOptions): Promise<Outputs>;
  /** Keeps the pool resident between runs: `using lease = await env.NAME.acquire()`. */
  acquire(): Promise<Lease>;
}

/** What goes with one request. */
export interface HandlerContext {
  /** Work that goes on after the answer; bounded by the function's timeout. */
  waitUntil(work: Promise<unknown>): void;
  /** Workers has it; here an exception is always an answer (500), so this does nothing. */
  passThroughOnException(): void;
  /** Aborted when the caller left or the deadline has passed. */
  readonly signal: AbortSignal;
  readonly requestId: string;
  readonly function: string;
  /** For example `digits@3f2a9c1d`. */
  readonly version: string;
  /** W3C header to send along with own requests, so that their trace continues this one. */
  readonly traceparent: string;
  /** Times `work` as a span of the request's trace. */
  span<T>(name: string, work: () => T | Promise<T>): Promise<T>;
}

/** A Workers-shaped module; a Hono app is one as it stands. */
export interface Handler<Env = Record<string, unknown>> {
  fetch(request: Request, env: Env, context: HandlerContext): Response | Promise<Response>;
}
