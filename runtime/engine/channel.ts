// This thread's line to the native core: one for each thread, shared by control and client. Runs go out through the frame and come
// back many at a time; ids are small and used again, because native keeps its runs in an array by id.
import { PilotlightError } from '../errors.ts';
import { loadAddon, type LoneOutput, type NativeAddon } from './addon.ts';
import { Flight } from './flight.ts';
import { FrameWriter } from './frame.ts';
import { nativeError } from './native-codes.ts';
import { PoolHandle } from './pool-handle.ts';
import type { RunOptions, RunResult } from './port.ts';
import { ResultReader, toTensors } from './results.ts';
import type { Signature, Tensors } from './tensor.ts';

/** Leaves the choice of the slot to the pool. */
export const ANY_SLOT = -1;

// Taken now: who puts a clock of his own in the global's place later, as tests do, must not keep runs from arriving.
const inNextTurn = setImmediate;

interface Question {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

export class Channel {
  readonly addon: NativeAddon;
  readonly #writer: FrameWriter;
  readonly #reader: ResultReader;
  readonly #flights: (Flight | undefined)[] = [];
  readonly #freeIds: number[] = [];
  readonly #questions = new Map<number, Question>();
  #lastQuestion = 0;
  #isSubmitting = false;

  constructor(addon: NativeAddon) {
    this.addon = addon;
    const memory = addon.attach({
      runs: (count) => this.#onRuns(count),
      run: (id, code, message, submittedMs, startedMs, endedMs, outputs) => this.#onRun(id, code, message, { submittedMs, startedMs, endedMs }, outputs),
      answer: (id, code, message, value) => this.#onAnswer(id, code, message, value),
      later: () => void inNextTurn(addon.turn),
    });
    this.#writer = new FrameWriter(memory.frame, memory.staging);
    this.#reader = new ResultReader(memory.results, memory.outputs);
  }

  pool(key: string, signature: Signature): PoolHandle {
    const pool = new PoolHandle(this.addon.intern(key), signature);
    if (!this.#writer.hasRoomFor(pool.check, signature.outputs.length)) {
      throw new PilotlightError('BAD_MODEL', `the model takes ${signature.inputs.length} inputs and gives ${signature.outputs.length} outputs: more than a run can carry`);
    }
    return pool;
  }

  /** Asks something that native answers later. */
  ask<Answer>(put: (id: number) => void): Promise<Answer> {
    const id = (this.#lastQuestion = (this.#lastQuestion + 1) % 0x8000_0000);
    return new Promise<Answer>((resolve, reject) => {
      this.#questions.set(id, { resolve: resolve as (value: unknown) => void, reject });
      put(id);
    });
  }

  /** Checks, copies and submits in this call; the promise is for what happens then. */
  run(pool: PoolHandle, slot: number, inputs: Tensors, options: RunOptions): Promise<RunResult> {
    const { signal } = options;
    if (signal !== undefined && !isSignal(signal)) return Promise.reject(badSignal(signal));
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const id = this.#freeIds.pop() ?? this.#flights.push(undefined) - 1;
    try {
      this.#submit(id, pool, slot, inputs, options);
    } catch (error) {
      this.#freeIds.push(id);
      return Promise.reject(error as Error);
    }
    const flight = new Flight(pool.signature.outputs);
    this.#flights[id] = flight;
    if (signal !== undefined) flight.obey(signal, () => this.addon.cancel(id));
    return flight.promise;
  }

  #submit(id: number, pool: PoolHandle, slot: number, inputs: Tensors, options: RunOptions): void {
    // Getters of the caller run while the one frame is filled and read.
    if (this.#isSubmitting) throw new PilotlightError('BAD_TENSOR', 'an input ran a model while it was being read');
    const { check } = pool;
    this.#isSubmitting = true;
    try {
      check.check(inputs);
      const wanted = options.outputs === undefined ? undefined : wantedOutputs(pool.signature, options.outputs);
      const direct = this.#writer.write(id, pool.index, slot, options.deadlineMs, check, wanted);
      const code = this.addon.submit(direct);
      if (code !== 0) throw nativeError(code, withName(this.addon.reason(), pool.signature));
    } finally {
      this.#isSubmitting = false;
      check.end();
    }
  }

  #onRuns(count: number): void {
    const reader = this.#reader;
    reader.rewind();
    for (let i = 0; i < count; i++) {
      const flight = this.#land(reader.peekId());
      flight.resolve(reader.next(flight.outputs));
    }
  }

  #onRun(
    id: number, code: number, message: string, times: { submittedMs: number; startedMs: number; endedMs: number },
    outputs: readonly (LoneOutput | undefined)[] | undefined,
  ): void {
    const flight = this.#land(id);
    if (outputs === undefined) flight.reject(nativeError(code, message));
    else flight.resolve({ outputs: toTensors(outputs, flight.outputs), ...times });
  }

  #land(id: number): Flight {
    const flight = this.#flights[id];
    if (flight === undefined) throw new Error(`bug: native finished run ${id}, which is not in flight`);
    this.#flights[id] = undefined;
    this.#freeIds.push(id);
    return flight;
  }

  #onAnswer(id: number, code: number, message: string, value: unknown): void {
    const question = this.#questions.get(id);
    this.#questions.delete(id);
    if (code === 0) question?.resolve(value);
    else question?.reject(nativeError(code, message));
  }
}

/** By what is used of it: one of another realm or a polyfill will do. */
function isSignal(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value && typeof value.addEventListener === 'function';
}

function badSignal(found: unknown): PilotlightError {
  return new PilotlightError('BAD_TENSOR', `signal must be an AbortSignal, found ${found === null ? 'null' : typeof found}; leave it out, or give request.signal`);
}

function wantedOutputs(signature: Signature, names: readonly string[]): boolean[] {
  const wanted = signature.outputs.map(() => false);
  for (const name of names) {
    const index = signature.outputs.findIndex((output) => output.name === name);
    if (index === -1) {
      throw new PilotlightError('BAD_TENSOR', `output "${name}" is unknown: the model gives ${signature.outputs.map((output) => `"${output.name}"`).join(', ')}`);
    }
    wanted[index] = true;
  }
  return wanted;
}

/** Native knows inputs by number. */
function withName(reason: string, { inputs }: Signature): string {
  return reason.replace(/^input (\d+):/, (found, index) => `input "${inputs[Number(index)]?.name ?? found}":`);
}

let ofThisThread: Channel | undefined;

/** The channel of this thread, opened by the first who asks. */
export function threadChannel(): Channel {
  return (ofThisThread ??= new Channel(loadAddon()));
}
