// Written by `pilotlight types` from the manifest and its models. Run it again when they change.
import type { Model } from 'pilotlight';

/** What the handler of `variants` finds in `env`. */
export interface Env {
  /** digits.fp16.onnx or digits.int8.onnx */
  readonly DIGITS: Model<
    {
      /** float32 [batch, 1, 28, 28] */
      readonly image: {
        readonly type: 'float32';
        readonly shape: readonly number[];
        readonly data: Float32Array;
      };
    },
    {
      /** float32 [batch, 10] */
      readonly logits: {
        readonly type: 'float32';
        readonly shape: readonly number[];
        readonly data: Float32Array;
      };
    }
  >;
}
