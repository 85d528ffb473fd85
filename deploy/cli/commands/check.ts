// `pilotlight check DIR`: everything about a folder that can be told without a host: manifest, handler, files, models, warm inputs.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Signature, TensorSpec } from '../../../runtime/engine/tensor.ts';
import { versionLabel } from '../../../runtime/function.ts';
import { bundleFolder } from '../../bundle/bundle-folder.ts';
import type { Bundle } from '../../bundle/bundle.ts';
import { checkDescribed } from '../../engine/check-plan.ts';
import { parseSidecar, sidecarPathOf } from '../../engine/sidecar.ts';
import { backendOf } from '../../manifest/model-files.ts';
import { countOf } from '../../rollout/count-of.ts';
import { checkSamples } from '../check-samples.ts';
import type { HostOptions } from '../find-admin.ts';
import { formatBytes, formatPath } from '../format.ts';
import { describePassed } from '../../rollout/describe-variant.ts';
import { readModels, signaturesOf, type VariantsHere } from '../read-models.ts';
import type { Terminal } from '../terminal.ts';

interface CheckOptions extends Pick<HostOptions, 'config'> {
  readonly json?: boolean;
}

interface Checked {
  readonly folder: string;
  readonly label: string;
  readonly routes: readonly string[];
  readonly files: number;
  readonly bytes: number;
  readonly goldenRequests: number;
  /** None of a model that cannot be read here. */
  readonly models: Readonly<Record<string, Signature>>;
  /** Of models with variants: the one that this machine would take. */
  readonly variants: Readonly<Record<string, VariantsHere>>;
  readonly warnings: readonly string[];
}

export function addCheck(program: Command, terminal: Terminal): void {
  program.command('check')
    .summary('check folders without a host: manifest, routes, handler, models')
    .argument('<folder...>', 'folders with a pilotlight.jsonc')
    .option('--json', 'print JSON')
    .option('--config <file>', 'settings file, for the engine library and simulated devices that it names')
    .action(async (folders: readonly string[], options: CheckOptions) => {
      const checked: Checked[] = [];
      for (const folder of folders) {
        const one = await checkFolder(folder, options, terminal);
        checked.push(one);
        if (options.json !== true) show(one, terminal);
      }
      if (options.json === true) terminal.out(`${JSON.stringify({ checked }, null, 2)}\n`);
    });
}

async function checkFolder(folder: string, options: CheckOptions, terminal: Terminal): Promise<Checked> {
  const absolute = resolve(terminal.folder, folder);
  const { bundle, version, warnings } = await bundleFolder(absolute);
  const { manifest, files } = bundle;
  await checkPlans(absolute, bundle);
  const read = await readModels(absolute, manifest.models, options, terminal);
  const models = signaturesOf(read);
  await checkSamples(absolute, bundle, models);
  return {
    folder: formatPath(absolute, terminal.folder),
    label: versionLabel({ name: manifest.name, version }),
    routes: manifest.routes,
    files: Object.keys(files).length,
    bytes: Object.values(files).reduce((sum, file) => sum + file.bytes, 0),
    goldenRequests: manifest.warm.length,
    models: Object.fromEntries(models),
    variants: Object.fromEntries([...read].flatMap(([binding, { variants }]) => (variants === undefined ? [] : [[binding, variants]]))),
    warnings: [...warnings, ...[...read.values()].flatMap((one) => one.warnings)],
  };
}

/** Whether each plan is the one that the file beside it describes. */
async function checkPlans(folder: string, { files }: Bundle): Promise<void> {
  for (const [file, { sha256 }] of Object.entries(files)) {
    const beside = sidecarPathOf(file);
    if (backendOf(file) !== 'tensorrt' || files[beside] === undefined) continue;
    checkDescribed({ file, sha256, sidecar: parseSidecar(await readFile(join(folder, beside), 'utf8'), beside) });
  }
}

function show({ folder, label, routes, files, bytes, goldenRequests, models, variants, warnings }: Checked, { out, err, paint }: Terminal): void {
  out(`${paint.good('✓')} ${paint.strong(folder)} is fit to deploy as ${label}\n`);
  out(`  routes   ${routes.join(', ')}\n`);
  out(`  bundle   ${countOf(files, 'file')}, ${formatBytes(bytes)}\n`);
  out(`  golden   ${goldenRequests === 0 ? 'none: the first request of each isolate will be slower' : countOf(goldenRequests, 'request')}\n`);
  for (const [binding, { inputs, outputs }] of Object.entries(models)) {
    out(`  ${binding}: ${inputs.map(describeTensor).join(', ')} -> ${outputs.map(describeTensor).join(', ')}\n`);
  }
  for (const [binding, { path, passed }] of Object.entries(variants)) {
    if (path === undefined) continue;
    out(`  ${binding}: this machine takes ${path}\n`);
    for (const one of passed) out(`    not ${describePassed(one)}\n`);
  }
  for (const warning of warnings) err(`${paint.warning('!')} ${warning}\n`);
}

function describeTensor({ name, type, shape }: TensorSpec): string {
  return `${name} ${type}[${shape.map((axis) => (axis === -1 ? '?' : axis)).join(', ')}]`;
}
