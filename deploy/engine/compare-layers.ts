// Finds the layers that INT8 costs most: the model is built twice with every layer's output in sight, as it is and in INT8, and both
// plans run on the same samples. Nothing is kept of them: outputs that must be seen keep layers from being fused.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tensors } from '../../runtime/engine/tensor.ts';
import { PilotlightError, assert } from '../../runtime/errors.ts';
import type { LayerEvent } from './builder-events.ts';
import { buildOptions, type EngineAsk, type EngineListener, type Int8Ask } from './build-engine.ts';
import { runBuilder, type BuilderPlace } from './builder-process.ts';
import { differenceOf } from './difference.ts';
import { readOutput, runPlan } from './run-plan.ts';
import type { Sample } from './samples.ts';
import type { ShapeRange } from './shapes.ts';

export interface LayerDifference {
  readonly layer: string;
  readonly kind: string;
  readonly output: string;
  /** As in difference.ts. */
  readonly difference: number;
}

export interface LayersAsk extends Omit<EngineAsk, 'out' | 'shapes' | 'comparison'> {
  readonly int8: Int8Ask;
  /** Those that both plans run on; a few are enough. */
  readonly samples: readonly Sample[];
}

/** The one that differs most first. */
export async function compareLayers(ask: LayersAsk, place: BuilderPlace, listener: EngineListener): Promise<readonly LayerDifference[]> {
  const [first] = ask.samples;
  if (first === undefined) throw new PilotlightError('BAD_REQUEST', 'a comparison of layers needs samples: --calibration or --samples');
  const folder = await mkdtemp(join(tmpdir(), 'pilotlight-layers-'));
  try {
    const shapes = shapesOf(first.inputs);
    const { int8, ...precise } = ask;
    const plans: { readonly plan: string; readonly layers: readonly LayerEvent[] }[] = [];
    for (const [name, one] of [['precise', { ...precise, shapes }], ['int8', { ...precise, shapes, int8 }]] as const) {
      listener.step('build');
      const plan = join(folder, `${name}.plan`);
      const layers: LayerEvent[] = [];
      await runBuilder({ verb: 'build', options: ['--model', ask.model, '--out', plan, '--mark-layers', ...await buildOptions(one, join(folder, name))] }, place, (event) => {
        if (event.event === 'layer') layers.push(event);
        listener.event(event);
      });
      plans.push({ plan, layers });
    }
    listener.step('compare');
    const runOne = async (built: { readonly plan: string } | undefined, name: string): Promise<Outputs> => {
      assert(built !== undefined, 'both plans are built before any is run');
      return runPlan({ plan: built.plan, samples: ask.samples, folder: join(folder, name) }, place);
    };
    const [reference, quantized] = [await runOne(plans[0], 'precise'), await runOne(plans[1], 'int8')];
    return await rank(plans[0]?.layers ?? [], reference, quantized);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Outputs = Awaited<ReturnType<typeof runPlan>>;

async function rank(layers: readonly LayerEvent[], reference: Outputs, quantized: Outputs): Promise<readonly LayerDifference[]> {
  const layerOf = new Map(layers.flatMap((layer) => layer.outputs.map(({ name }) => [name, layer] as const)));
  const largest = new Map<string, number>();
  for (const [sample, outputs] of reference.entries()) {
    for (const output of outputs) {
      const other = quantized[sample]?.find(({ name }) => name === output.name);
      if (other === undefined) continue;
      const difference = differenceOf(await readOutput(other), await readOutput(output));
      largest.set(output.name, Math.max(largest.get(output.name) ?? 0, difference));
    }
  }
  return [...largest]
    .map(([output, difference]) => ({ layer: layerOf.get(output)?.name ?? '?', kind: layerOf.get(output)?.type ?? '', output, difference }))
    .sort((one, other) => other.difference - one.difference);
}

function shapesOf(inputs: Tensors): readonly ShapeRange[] {
  return Object.entries(inputs).map(([input, { shape }]) => ({ input, profile: 0, of: 'axes' as const, min: shape, opt: shape, max: shape }));
}
