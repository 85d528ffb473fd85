// Written by `pilotlight types` from pilotlight.jsonc and langid.onnx: what the handler finds in `env`.
import type { Model } from 'pilotlight';

export interface Env {
  readonly LANGID: Model<
    { readonly tokens: { readonly type: 'int64'; readonly shape: readonly [batch: number, tokens: number]; readonly data: BigInt64Array } },
    { readonly logits: { readonly type: 'float32'; readonly shape: readonly [batch: number, 20]; readonly data: Float32Array } }
  >;
}
