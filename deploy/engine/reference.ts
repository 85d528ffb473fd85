// The engine that a plan is held against: ONNX Runtime on the CPU, with the very file that the plan was built from.
import { availableParallelism } from 'node:os';
import type { EngineControl } from '../../runtime/engine/port.ts';
import type { Signature, Tensors } from '../../runtime/engine/tensor.ts';
import { PilotlightError, describeThrown } from '../../runtime/errors.ts';
import { monotonicMs } from '../../runtime/clock.ts';
import type { Sample } from './samples.ts';

export interface Reference {
  /** `onnxruntime 1.30.0 on the CPU` */
  readonly name: string;
  signatureOf(model: string): Promise<Signature>;
  /** By sample. */
  run(model: string, samples: readonly Sample[], signal: AbortSignal): Promise<readonly Tensors[]>;
}

const RUN_TIMEOUT_MS = 600_000;
const KEY = 'reference';

type ReferenceEngine = Pick<EngineControl, 'capabilities' | 'inspect' | 'load' | 'runOnSlot' | 'retire' | 'unload'>;

export class OnnxRuntimeReference implements Reference {
  readonly #engine: ReferenceEngine;

  constructor(engine: ReferenceEngine) {
    this.#engine = engine;
  }

  get name(): string {
    const found = this.#engine.capabilities().find(({ backend }) => backend === 'onnxruntime');
    return `onnxruntime ${found?.version ?? ''} on the CPU`.replace('  ', ' ');
  }

  signatureOf(model: string): Promise<Signature> {
    return this.#engine.inspect(model, 'onnxruntime');
  }

  async run(model: string, samples: readonly Sample[], signal: AbortSignal): Promise<readonly Tensors[]> {
    await this.#engine.load({
      key: KEY, backend: 'onnxruntime', path: model, device: 'cpu', slots: 1, threads: availableParallelism(), queue: { max: 1, timeoutMs: RUN_TIMEOUT_MS },
    });
    try {
      const answers: Tensors[] = [];
      for (const { name, inputs } of samples) {
        signal.throwIfAborted();
        answers.push(await this.#runOne(name, inputs, signal));
      }
      return answers;
    } finally {
      await this.#engine.unload(KEY);
    }
  }

  async #runOne(name: string, inputs: Tensors, signal: AbortSignal): Promise<Tensors> {
    try {
      return (await this.#engine.runOnSlot(KEY, 0, inputs, { deadlineMs: monotonicMs() + RUN_TIMEOUT_MS, signal })).outputs;
    } catch (error) {
      signal.throwIfAborted();
      throw new PilotlightError('BAD_MODEL', `ONNX Runtime cannot run the model on ${name}, so there is nothing to compare the plan with: ${describeThrown(error)}; --no-compare goes without`,
        { cause: error });
    }
  }
}
