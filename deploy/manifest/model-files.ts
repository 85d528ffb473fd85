// The files that a model may be: one, or several variants of which each host takes the first that fits it. Which backend
// takes a file is told by its extension.
import type { Backend } from '../../runtime/engine/port.ts';

/** What a host must have for a file. All that is named must be met. */
export interface VariantConditions {
  readonly backend?: Backend;
  readonly device?: 'cpu' | 'gpu' | `gpu:${number}`;
  /** Of the device: `9.0`, or `>=8.0`. */
  readonly computeCapability?: string;
  /** Of the backend's library: `1.20`, or `>=1.20`. */
  readonly libraryVersion?: string;
}

export interface ManifestVariant {
  readonly path: string;
  /** Empty: any host that has the backend. */
  readonly when: VariantConditions;
}

/** First what is taken first. */
export type ModelFiles = { readonly path: string } | { readonly variants: readonly ManifestVariant[] };

const BACKENDS: Readonly<Record<string, Backend>> = { onnx: 'onnxruntime', engine: 'tensorrt', plan: 'tensorrt', fake: 'fake' };

export const MODEL_EXTENSIONS = ['.onnx', '.engine', '.plan', '.fake'] as const;

export function backendOf(path: string): Backend | undefined {
  return BACKENDS[path.slice(path.lastIndexOf('.') + 1)];
}

/** A single file is a variant without conditions. */
export function variantsOf(model: ModelFiles): readonly ManifestVariant[] {
  return 'variants' in model ? model.variants : [{ path: model.path, when: {} }];
}

/** The files, each with the part of `models.NAME` that names it. */
export function namedModelFiles(model: ModelFiles): readonly { readonly path: string; readonly field: string }[] {
  return 'variants' in model ? model.variants.map(({ path }, index) => ({ path, field: `variants[${index}].path` })) : [{ path: model.path, field: 'path' }];
}
