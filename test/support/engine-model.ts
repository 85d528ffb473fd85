// A model loaded on the project's own engine and offered as a handler sees it, for tests that run an example function for real.
import { fileURLToPath } from 'node:url';
import { monotonicMs } from '../../runtime/clock.ts';
import { NativeClient } from '../../runtime/engine/native-client.ts';
import { NativeEngine } from '../../runtime/engine/native-engine.ts';
import type { Signature, Tensor, Tensors } from '../../runtime/engine/tensor.ts';
import type { Model } from '../../runtime/sdk.ts';

const RUN_TIMEOUT_MS = 10_000;

/** The caller closes it. */
export interface EngineModel<M extends Model<never, Tensors> = Model> {
  readonly model: M;
  readonly signature: Signature;
  close(): Promise<void>;
}

/** `path` is relative to the package's root. */
export async function openEngineModel<M extends Model<never, Tensors> = Model>(path: string): Promise<EngineModel<M>> {
  const engine = new NativeEngine();
  const client = new NativeClient();
  const key = `test ${path}`;
  const file = fileURLToPath(new URL(`../../../${path}`, import.meta.url));
  const { signature } = await engine.load({
    key, backend: 'onnxruntime', path: file, device: 'cpu', slots: 1, threads: 1, queue: { max: 16, timeoutMs: RUN_TIMEOUT_MS },
  });
  engine.open(key);
  const model: Model = {
    async run(inputs) {
      const { outputs } = await client.run(key, signature, inputs, { deadlineMs: monotonicMs() + RUN_TIMEOUT_MS });
      return outputs as Record<string, Tensor>;
    },
    acquire: () => Promise.resolve(client.hold(key)),
  };
  return {
    model: model as unknown as M, // the types that a handler declares are those of the model's file
    signature,
    async close() {
      engine.retire(key);
      await engine.unload(key);
    },
  };
}
