// `pilotlight deploy DIR...`: bundles a folder, brings the host the blobs that it lacks, and follows the rollout. Folders go
// one after the other, each whole; all of it is safe to repeat.
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { toPlainError, type ErrorPlain } from '../../../runtime/errors.ts';
import { versionLabel } from '../../../runtime/function.ts';
import { bundleFolder, type BundleContent, type FolderBundle } from '../../bundle/bundle-folder.ts';
import { countOf } from '../../rollout/count-of.ts';
import type { DeployPlan } from '../../rollout/deploy-plan.ts';
import type { RolloutResult } from '../../rollout/rollout-event.ts';
import { describeShares } from '../../rollout/shares.ts';
import type { AdminClient, Upload } from '../admin-client.ts';
import type { HostOptions } from '../find-admin.ts';
import { formatBytes, formatMs, formatPath } from '../format.ts';
import { describePlan } from '../describe-plan.ts';
import { connect, withHostOptions } from '../host-command.ts';
import { collect, wholePercent } from '../option-values.ts';
import { Progress } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

interface DeployOptions extends HostOptions {
  readonly warm: boolean;
  readonly plan?: boolean;
  readonly split?: number;
  readonly abortIf?: readonly string[];
  readonly json?: boolean;
}

type Outcome = RolloutResult | DeployPlan | { readonly folder: string; readonly error: ErrorPlain };

const EXAMPLES = [
  'pilotlight deploy functions/digits',
  'pilotlight deploy functions/digits --split 10 --abort-if "errors>1%" --abort-if "p99>2x"',
  'PILOTLIGHT_TOKEN=... pilotlight deploy . --admin https://gpu1.example:8788',
];
/** Another deploy may have tidied a blob away between the upload and the deploy. */
const UPLOAD_ROUNDS = 3;

export function addDeploy(program: Command, terminal: Terminal): void {
  withHostOptions(program.command('deploy'))
    .summary('deploy functions: warm the new version, prove it, switch to it')
    .description('Deploys the function of each folder, one after the other: the new version is loaded, warmed and checked beside ' +
      'the old one, and only then meets traffic. When a step fails, the old version goes on and nothing of the new is left. ' +
      'Where the models of both have no room side by side, the old ones go first (--plan says so, and for about how long): callers wait for ' +
      'the new version, and when a step fails the old models are loaded again before you are told.')
    .argument('<folder...>', 'folders with a pilotlight.jsonc')
    .option('--no-warm', 'switch at once and leave the models to the first request')
    .option('--plan', 'say what the deploy would do, and do nothing')
    .option('--split <percent>', 'let the new version have so much of the traffic, beside what serves; the versions there keep the rest', wholePercent)
    .option('--abort-if <bound>', 'with --split: take its share away when its requests pass the bound: "errors>1%", "p99>2x" (twice the others\'); may be given again', collect)
    .option('--json', 'print the results as JSON')
    .addHelpText('after', `\nExamples:\n${EXAMPLES.map((line) => `  ${line}\n`).join('')}`)
    .action(async (folders: readonly string[], options: DeployOptions) => {
      const client = connect(options, terminal);
      const outcomes: Outcome[] = [];
      try {
        for (const folder of folders) outcomes.push(await deployFolder(client, folder, options, terminal));
      } catch (error) {
        outcomes.push({ folder: folders[outcomes.length] ?? '', error: toPlainError(error, 'INTERNAL') });
        throw error;
      } finally {
        if (options.json === true) terminal.out(`${JSON.stringify({ results: outcomes }, null, 2)}\n`);
      }
    });
}

async function deployFolder(client: AdminClient, folder: string, options: DeployOptions, terminal: Terminal): Promise<RolloutResult | DeployPlan> {
  using progress = new Progress(terminal, formatPath(resolve(terminal.folder, folder), terminal.folder));
  const made = await progress.step('bundle', async () => {
    const value = await bundleFolder(resolve(terminal.folder, folder));
    const files = Object.values(value.bundle.files);
    return { value, detail: `${countOf(files.length, 'file')}, ${formatBytes(files.reduce((sum, { bytes }) => sum + bytes, 0))}` };
  });
  for (const warning of made.warnings) progress.show({ step: 'bundle', state: 'warning', detail: warning, ms: 0 });
  const { warm, split, abortIf } = options;
  if (options.plan === true) {
    const { plan } = await client.json<{ plan: DeployPlan }>('POST', '/v1/deploys/plan', { bundle: made.bundle, split, abortIf });
    if (options.json !== true) terminal.out(describePlan(plan));
    return plan;
  }
  await progress.step('upload', async (note) => ({ value: undefined, detail: await uploadMissing(client, made, note) }));
  const result = await client.follow('POST', '/v1/deploys', { bundle: made.bundle, warm, split, abortIf }, (event) => progress.show(event));
  if (options.json !== true) terminal.out(`${describeResult(result)}\n`);
  return result;
}

/** `digits@3f2a9c1d deployed in 812 ms` */
export function describeResult({ function: name, version, shares, outcome, ms, gapMs }: RolloutResult): string {
  const label = version === undefined ? name : versionLabel({ name, version });
  const split = shares === undefined ? '' : `: ${describeShares(shares)}`;
  const gap = gapMs === undefined ? '' : `; callers waited ${formatMs(gapMs)} at most`;
  return outcome === 'unchanged' ? `${label} serves already, nothing changed${split}` : `${label} ${outcome} in ${formatMs(ms)}${split}${gap}`;
}

async function uploadMissing(client: AdminClient, { bundle, contents }: FolderBundle, note: (detail: string) => void): Promise<string> {
  const byDigest = new Map(Object.entries(bundle.files).map(([path, { sha256, bytes }]) => [sha256, { path, bytes }]));
  let [sent, sentBytes] = [0, 0];
  for (let round = 0; round < UPLOAD_ROUNDS; round++) {
    const { missing } = await client.json<{ missing: readonly string[] }>('POST', '/v1/deploys/missing', { bundle });
    if (missing.length === 0) break;
    for (const [index, sha256] of missing.entries()) {
      const { path, bytes } = byDigest.get(sha256) ?? { path: '', bytes: 0 };
      note(`${path} (${index + 1} of ${missing.length}, ${formatBytes(bytes)})`);
      await client.upload(`/v1/blobs/${sha256}`, uploadOf(contents.get(path), bytes));
      [sent, sentBytes] = [sent + 1, sentBytes + bytes];
    }
  }
  return sent === 0 ? 'everything is there already' : `${sent} of ${countOf(byDigest.size, 'file')}, ${formatBytes(sentBytes)}`;
}

function uploadOf(content: BundleContent | undefined, bytes: number): Upload {
  return {
    bytes,
    open: () => {
      if (content === undefined) return one(new Uint8Array());
      return 'file' in content ? createReadStream(content.file) : one(content.bytes);
    },
  };
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
