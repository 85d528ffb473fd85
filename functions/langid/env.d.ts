// Written by `pilotlight types` from the manifest and its models. Run it again when they change.
import type { Model } from 'pilotlight';

/** What the handler of `langid` finds in `env`. */
export interface Env {
  /** langid.onnx */
  readonly LANGID: Model<
    {
      /** int64 [batch, tokens] */
      readonly tokens: {
        readonly type: 'int64';
        readonly shape: readonly number[];
        readonly data: BigInt64Array;
      };
    },
    {
      /** float32 [batch, 20] */
      readonly logits: {
        readonly type: 'float32';
        readonly shape: readonly number[];
        readonly data: Float32Array;
      };
    }
  >;
}
