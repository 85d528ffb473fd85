// Written by `pilotlight types` from pilotlight.jsonc and digits.onnx: what the handler finds in `env`.
import type { Model } from 'pilotlight';

export interface Env {
  readonly DIGITS: Model<
    { readonly image: { readonly type: 'float32'; readonly shape: readonly [batch: number, 1, 28, 28]; readonly data: Float32Array } },
    { readonly logits: { readonly type: 'float32'; readonly shape: readonly [batch: number, 10]; readonly data: Float32Array } }
  >;
}
