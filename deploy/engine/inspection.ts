// What TensorRT's inspector says of a plan's layers, as far as people ask for it: names, kinds, types, bytes, and which layers of the
// model each came from. Its JSON is nobody's contract, so whatever is missing is left out.

export interface PlanLayer {
  readonly name: string;
  readonly kind: string;
  /** What it computes in. */
  readonly type?: string;
  /** Of its weights. */
  readonly bytes?: number;
  /** Names of the model's layers that were fused into it. */
  readonly from?: readonly string[];
}

/** Undefined: it is not JSON, or has no layers. */
export function parseInspection(text: string): readonly PlanLayer[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const layers = fieldOf(parsed, 'Layers');
  return Array.isArray(layers) ? layers.map(layerOf) : undefined;
}

export function countTypes(layers: readonly PlanLayer[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { type } of layers) {
    if (type !== undefined) counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
}

function layerOf(layer: unknown): PlanLayer {
  // A plan that was built without details has names alone.
  if (typeof layer === 'string') return { name: layer, kind: '' };
  const name = fieldOf(layer, 'Name');
  const kind = fieldOf(layer, 'ParameterType') ?? fieldOf(layer, 'LayerType');
  const type = typeOf(layer);
  const bytes = ['Weights', 'Bias'].reduce((sum, field) => sum + bytesOf(fieldOf(layer, field)), 0);
  const from = sourcesOf(fieldOf(layer, 'Metadata'));
  return {
    name: typeof name === 'string' ? name : '?',
    kind: typeof kind === 'string' ? kind : '',
    ...(type === undefined ? {} : { type }),
    ...(bytes === 0 ? {} : { bytes }),
    ...(from.length === 0 ? {} : { from }),
  };
}

/** Of its weights where it has some, else of what goes in: a quantized convolution gives halves, but multiplies bytes. */
function typeOf(layer: unknown): string | undefined {
  const weights = fieldOf(fieldOf(layer, 'Weights'), 'Type');
  const of = (field: string): unknown => {
    const tensors = fieldOf(layer, field);
    return Array.isArray(tensors) ? fieldOf(tensors[0], 'Format/Datatype') : undefined;
  };
  return [weights, of('Inputs'), of('Outputs')].map(typeIn).find((type) => type !== undefined);
}

const TYPES: readonly (readonly [RegExp, string])[] = [
  [/bf16|bfloat16/i, 'bfloat16'], [/fp16|half|float16/i, 'float16'], [/fp8/i, 'fp8'], [/u?int8/i, 'int8'], [/int4/i, 'int4'], [/fp32|float/i, 'float32'],
  [/int64/i, 'int64'], [/int32/i, 'int32'], [/bool/i, 'bool'],
];

/** `Channel major FP16 format where channel % 8 == 0` is float16. */
function typeIn(text: unknown): string | undefined {
  return typeof text === 'string' ? TYPES.find(([pattern]) => pattern.test(text))?.[1] : undefined;
}

const ELEMENT_BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4, float16: 2, bfloat16: 2, int8: 1, fp8: 1, bool: 1, int4: 0.5, int64: 8 };

function bytesOf(weights: unknown): number {
  const [type, count] = [typeIn(fieldOf(weights, 'Type')), fieldOf(weights, 'Count')];
  return type === undefined || typeof count !== 'number' ? 0 : count * (ELEMENT_BYTES[type] ?? 0);
}

/** `[ONNX Layer: /conv1/Conv]`, several with a separator between them. */
function sourcesOf(metadata: unknown): readonly string[] {
  return typeof metadata === 'string' ? [...metadata.matchAll(/\[ONNX Layer: ([^\]]*)\]/g)].map(([, name]) => name ?? '') : [];
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
