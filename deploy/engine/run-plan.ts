// Runs a plan on samples in the builder's process: inputs go there as files, outputs come back as files.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ELEMENT_TYPES, type Tensor, type TensorData, type Tensors } from '../../runtime/engine/tensor.ts';
import { PilotlightError } from '../../runtime/errors.ts';
import type { OutputEvent } from './builder-events.ts';
import { runBuilder, type BuilderPlace } from './builder-process.ts';
import type { Sample } from './samples.ts';

/** Writes them into the folder and gives the path of their list (native/src/builder/sample_list.h). */
export async function writeSamples(folder: string, samples: readonly Sample[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  const lines: string[] = [];
  for (const [index, { name: sample, inputs }] of samples.entries()) {
    for (const [at, [name, { type, shape, data }]] of Object.entries(inputs).entries()) {
      if (!ArrayBuffer.isView(data)) throw new PilotlightError('BAD_TENSOR', `sample ${sample}: input "${name}" is ${type}, which TensorRT does not have`);
      const file = join(folder, `${index}.${at}`);
      await writeFile(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      lines.push([index, name, type, shape.length === 0 ? 'scalar' : shape.join('x'), file].join('\t'));
    }
  }
  const list = join(folder, 'list');
  await writeFile(list, `${lines.join('\n')}\n`);
  return list;
}

export interface PlanRun {
  readonly plan: string;
  readonly samples: readonly Sample[];
  /** For what it writes; the caller's to remove. */
  readonly folder: string;
}

/** Where the outputs of each sample lie. */
export async function runPlan({ plan, samples, folder }: PlanRun, place: BuilderPlace): Promise<readonly (readonly OutputEvent[])[]> {
  const list = await writeSamples(join(folder, 'inputs'), samples);
  const outputs = join(folder, 'outputs');
  await mkdir(outputs, { recursive: true });
  const told: OutputEvent[][] = samples.map(() => []);
  await runBuilder({ verb: 'run', options: ['--plan', plan, '--samples', list, '--outputs', outputs, '--allow-host-code'] }, place, (event) => {
    if (event.event === 'output') told[event.sample]?.push(event);
  });
  return told;
}

export async function readOutput({ type, shape, path }: OutputEvent): Promise<Tensor> {
  const { buffer, byteOffset, length } = await readFile(path);
  const { array } = ELEMENT_TYPES[type];
  return { type, shape, data: new (array as new (bytes: ArrayBufferLike) => TensorData)(buffer.slice(byteOffset, byteOffset + length)) };
}

export async function readOutputs(events: readonly OutputEvent[]): Promise<Tensors> {
  return Object.fromEntries(await Promise.all(events.map(async (event) => [event.name, await readOutput(event)] as const)));
}
