// What a run of the GPU benchmarks leaves: one JSON file with everything, and a page for people. Cases that were not run keep what an
// earlier run on the same machine said.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Measure } from '../../bench/measure.ts';
import type { GpuMachine } from '../gpu-rig.ts';

export interface GpuResults {
  /** `2026-11-21` */
  readonly date: string;
  readonly machine: GpuMachine;
  readonly cases: readonly CaseResult[];
}

export interface CaseResult {
  readonly name: string;
  readonly about: string;
  readonly measures: readonly Measure[];
}

export const RESULTS_FILE = 'gpu.json';
const PAGE_FILE = 'gpu.md';

export function readResults(folder: string): GpuResults {
  return JSON.parse(readFileSync(join(folder, RESULTS_FILE), 'utf8')) as GpuResults;
}

export async function writeResults(folder: string, results: GpuResults): Promise<void> {
  await mkdir(folder, { recursive: true });
  const before = existsSync(join(folder, RESULTS_FILE)) ? readResults(folder) : undefined;
  const kept = before?.machine.gpu === results.machine.gpu ? before.cases.filter(({ name }) => !results.cases.some((one) => one.name === name)) : [];
  const all = { ...results, cases: [...kept, ...results.cases] };
  await writeFile(join(folder, RESULTS_FILE), `${JSON.stringify(all, null, 1)}\n`);
  await writeFile(join(folder, PAGE_FILE), pageOf(all));
}

/** Markdown. */
export function pageOf({ date, machine, cases }: GpuResults): string {
  const { gpu, computeCapability, bytes, tensorrt, onnxruntime, node, cores, libraries } = machine;
  const head = [
    '# Measured on a GPU', '',
    `${gpu} (compute capability ${computeCapability}, ${(bytes / 2 ** 30).toFixed(0)} GiB), TensorRT ${tensorrt}, ONNX Runtime ${onnxruntime}, ${libraries.join(', ')}, ` +
    `Node ${node}, ${cores} cores; ${date}. Made by \`node dist/test/gpu/bench/main.js --write docs/results\`.`,
  ];
  return `${[...head, ...cases.flatMap(sectionOf)].join('\n')}\n`;
}

function sectionOf({ name, about, measures }: CaseResult): readonly string[] {
  const rows = measures.map(({ measure, value, unit, reference, ratio, bar, ok }) =>
    [measure, `${short(value)} ${unit}`, reference === undefined ? '' : short(reference), ratio === undefined ? '' : short(ratio), bar ?? '', bar === undefined ? '' : ok ? 'met' : 'missed']);
  return ['', `## ${name}`, '', `${about}.`, '', '| measure | value | reference | ratio | bar | |', '|---|---|---|---|---|---|', ...rows.map((row) => `| ${row.join(' | ')} |`)];
}

export function short(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}
