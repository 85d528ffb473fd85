// `pilotlight engine inspect PLAN`: what a plan is and holds. TensorRT and a GPU tell most; without them its header and the file beside
// it tell what they know.
import { readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { describeThrown } from '../../../runtime/errors.ts';
import { inspectPlan, type InspectedPlan } from '../../engine/build-engine.ts';
import { countTypes, type PlanLayer } from '../../engine/inspection.ts';
import { readPlanVersion } from '../../engine/plan-header.ts';
import { sha256Of } from '../../engine/sha256-of.ts';
import { parseSidecar, sidecarPathOf, type PlanSidecar } from '../../engine/sidecar.ts';
import { librariesOf } from '../engine-ask.ts';
import { clientConfig } from '../find-admin.ts';
import { formatBytes, formatPath, formatTable } from '../format.ts';
import type { Terminal } from '../terminal.ts';

interface InspectOptions {
  readonly config?: string;
  readonly load: boolean;
  readonly json?: boolean;
}

interface Inspected {
  readonly plan: string;
  readonly bytes: number;
  /** As its header says; left out: a header that nobody has seen. */
  readonly version?: string;
  readonly sidecar?: PlanSidecar;
  /** Why the file beside it tells nothing. */
  readonly sidecarProblem?: string;
  readonly loaded?: Pick<InspectedPlan, 'engine' | 'device'> & { readonly tensorrt: string };
  /** Why it was not loaded. */
  readonly loadProblem?: string;
  /** As the model has them; of plans that were built here. */
  readonly before?: readonly PlanLayer[];
  readonly after?: readonly PlanLayer[];
}

export function addEngineInspect(engine: Command, terminal: Terminal): void {
  engine.command('inspect')
    .summary('show what a TensorRT plan holds: versions, shapes, layers before and after fusion')
    .description('Loads the plan where TensorRT and a GPU are there; else tells what its header and PLAN.json say.')
    .argument('<plan>', 'plan file')
    .option('--no-load', 'do not load it, but only read it and the file beside it')
    .option('--config <file>', 'settings file, for the libraries that it names')
    .option('--json', 'print JSON')
    .action(async (plan: string, options: InspectOptions) => {
      const inspected = await inspect(resolve(terminal.folder, plan), options, terminal);
      if (options.json === true) terminal.out(`${JSON.stringify(inspected, null, 2)}\n`);
      else show(inspected, terminal);
    });
}

async function inspect(plan: string, options: InspectOptions, terminal: Terminal): Promise<Inspected> {
  const version = await readPlanVersion(plan);
  const beside = await readSidecar(plan);
  const loaded = options.load ? await load(plan, beside.sidecar, options, terminal) : { loadProblem: 'not asked for' };
  const { before, after: afterThen } = beside.sidecar?.layers ?? {};
  const after = loaded.layers ?? afterThen;
  return {
    plan, bytes: (await stat(plan)).size, ...(version === undefined ? {} : { version }), ...beside,
    ...(loaded.loaded === undefined ? {} : { loaded: loaded.loaded }), ...(loaded.loadProblem === undefined ? {} : { loadProblem: loaded.loadProblem }),
    ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }),
  };
}

async function readSidecar(plan: string): Promise<Pick<Inspected, 'sidecar' | 'sidecarProblem'>> {
  const file = sidecarPathOf(plan);
  try {
    const sidecar = parseSidecar(await readFile(file, 'utf8'), file);
    if (sidecar.sha256 === await sha256Of(plan)) return { sidecar };
    return { sidecarProblem: `${file} is of another plan: the digests differ` };
  } catch (error) {
    return { sidecarProblem: error instanceof Error && 'code' in error && error.code === 'ENOENT' ? `there is no ${file}` : describeThrown(error) };
  }
}

interface Loaded extends Pick<Inspected, 'loaded' | 'loadProblem'> {
  readonly layers?: readonly PlanLayer[];
}

async function load(plan: string, sidecar: PlanSidecar | undefined, options: InspectOptions, terminal: Terminal): Promise<Loaded> {
  const config = clientConfig(options, terminal);
  // What runs code of its own is loaded only where hosts may do so.
  if (sidecar?.tensorrt.versionCompatible === true && !config.versionCompatiblePlans) {
    return { loadProblem: 'it is version-compatible, so loading it runs code that it brings; set versionCompatiblePlans to allow that' };
  }
  try {
    const { engine, device, library, layers } = await inspectPlan(plan, {
      env: terminal.env, device: 0, lockFolder: tmpdir(), signal: terminal.interrupted(),
      ...librariesOf(config),
    }, { event: () => {} }, config.versionCompatiblePlans ? 'allowed' : 'refused');
    return { loaded: { engine, device, tensorrt: library.version }, ...(layers === undefined ? {} : { layers }) };
  } catch (error) {
    terminal.interrupted().throwIfAborted();
    return { loadProblem: describeThrown(error) };
  }
}

function show({ plan, bytes, version, sidecar, sidecarProblem, loaded, loadProblem, before, after }: Inspected, terminal: Terminal): void {
  const { out, err, paint, folder } = terminal;
  out(`${paint.strong(formatPath(plan, folder))}: ${formatBytes(bytes)}, built by TensorRT ${version ?? 'of an unknown version'}\n`);
  if (sidecar !== undefined) showSidecar(sidecar, terminal);
  if (loaded !== undefined) {
    out(`  loaded   on ${loaded.device.name} by TensorRT ${loaded.tensorrt}; ${formatBytes(loaded.engine.scratchBytes)} of scratch memory for a slot\n`);
    if (sidecar === undefined) showEngine(loaded.engine, terminal);
  }
  if (after !== undefined) {
    const types = Object.entries(countTypes(after)).map(([type, count]) => `${count} in ${type}`).join(', ');
    out(`  layers   ${before === undefined ? '' : `${before.length} of the model, `}${after.length} of the plan${types === '' ? '' : `: ${types}`}\n`);
    out(formatTable(after, LAYER_COLUMNS, paint));
  }
  if (sidecarProblem !== undefined) err(`${paint.warning('!')} ${sidecarProblem}\n`);
  if (loadProblem !== undefined) err(`${paint.faint(`not loaded: ${loadProblem}`)}\n`);
}

const LAYER_COLUMNS = [
  { title: 'TYPE', cell: ({ type }: PlanLayer) => type ?? '-' },
  { title: 'BYTES', align: 'right' as const, cell: ({ bytes }: PlanLayer) => (bytes === undefined ? '-' : formatBytes(bytes)) },
  { title: 'KIND', cell: ({ kind }: PlanLayer) => kind },
  { title: 'FROM', align: 'right' as const, cell: ({ from }: PlanLayer) => (from === undefined ? '-' : String(from.length)) },
  { title: 'LAYER', cell: ({ name }: PlanLayer) => name },
];

function showSidecar({ builtOn, builtAt, tensorrt, source, inputs, outputs, profiles, plugins, comparison }: PlanSidecar, { out }: Terminal): void {
  out(`  built    ${builtAt} from ${source.file} on ${builtOn.gpu} (compute capability ${builtOn.computeCapability}, CUDA driver ${builtOn.cudaDriver})\n`);
  out(`  runs on  ${describeReach(tensorrt.hardwareCompatibility, builtOn.computeCapability)}${tensorrt.versionCompatible ? ', also by later versions of TensorRT' : ''}\n`);
  const tensor = ({ name, type, shape }: PlanSidecar['inputs'][number]): string => `${name} ${type}[${shape.map((axis) => (axis === -1 ? '?' : axis)).join(', ')}]`;
  out(`  tensors  ${inputs.map(tensor).join(', ')} -> ${outputs.map(tensor).join(', ')}\n`);
  for (const [index, profile] of profiles.entries()) {
    const ranges = Object.entries(profile).map(([name, { min, opt, max }]) => describeRange(name, min, opt, max));
    if (ranges.length > 0) out(`  profile  ${index + 1}: ${ranges.join(', ')}\n`);
  }
  if (plugins.length > 0) out(`  plugins  ${plugins.map(({ name, version }) => `${name} ${version}`).join(', ')}\n`);
  if (comparison === undefined) return;
  const differences = Object.entries(comparison.largestDifference).map(([name, difference]) => `${name} ${difference.toPrecision(3)}`).join(', ');
  out(`  compared with ${comparison.against} on ${comparison.samples} sets of inputs: ${differences}; the limit was ${comparison.tolerance}\n`);
}

function showEngine({ tensors, profiles }: InspectedPlan['engine'], { out }: Terminal): void {
  for (const { name, isInput, type, shape, profiles: ranges } of tensors) {
    out(`  ${isInput ? 'input ' : 'output'}   ${name} ${type}[${shape.map((axis) => (axis === -1 ? '?' : axis)).join(', ')}]\n`);
    if (!isInput || !shape.includes(-1)) continue;
    for (const [index, { min, opt, max }] of ranges.entries()) out(`  profile  ${index + 1} of ${profiles}: ${describeRange(name, min, opt, max)}\n`);
  }
}

function describeRange(name: string, ...sizes: readonly (readonly number[])[]): string {
  return `${name} ${sizes.map((one) => one.join('x')).join('..')}`;
}

function describeReach(level: PlanSidecar['tensorrt']['hardwareCompatibility'], computeCapability: string): string {
  if (level === 'ampere+') return 'GPUs of compute capability 8.0 and later';
  return level === 'same-compute-capability' ? `all GPUs of compute capability ${computeCapability}` : `GPUs of its own kind (compute capability ${computeCapability})`;
}
