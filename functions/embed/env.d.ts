// Written by `pilotlight types` from the manifest and its models. Run it again when they change.
import type { Model } from 'pilotlight';

/** What the handler of `embed` finds in `env`. */
export interface Env {
  /** minilm-fp16.onnx or minilm.onnx */
  readonly MINILM: Model<
    {
      /** int64 [batch, length] */
      readonly tokens: {
        readonly type: 'int64';
        readonly shape: readonly number[];
        readonly data: BigInt64Array;
      };
    },
    {
      /** float32 [batch, 384] */
      readonly embedding: {
        readonly type: 'float32';
        readonly shape: readonly number[];
        readonly data: Float32Array;
      };
    }
  >;
}
