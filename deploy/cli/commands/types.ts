// `pilotlight types DIR`: writes env.d.ts, so that the editor knows each model's tensors by name, element type and shape.
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { bindingTypes } from '../../manifest/binding-types.ts';
import { readManifest } from '../../manifest/read-manifest.ts';
import { CliFailure } from '../cli-failure.ts';
import type { HostOptions } from '../find-admin.ts';
import { formatPath } from '../format.ts';
import type { Terminal } from '../terminal.ts';
import { readModels, signaturesOf } from '../read-models.ts';

interface TypesOptions extends Pick<HostOptions, 'config'> {
  readonly check?: boolean;
}

const FILE_NAME = 'env.d.ts';

export function addTypes(program: Command, terminal: Terminal): void {
  program.command('types')
    .summary('write env.d.ts: the types of a function\'s models, vars and secrets')
    .argument('<folder...>', 'folders with a pilotlight.jsonc')
    .option('--check', 'write nothing; fail when a file is missing or not what would be written')
    .option('--config <file>', 'settings file, for the engine library and simulated devices that it names')
    .action(async (folders: readonly string[], options: TypesOptions) => {
      for (const folder of folders) await writeTypes(resolve(terminal.folder, folder), options, terminal);
    });
}

async function writeTypes(folder: string, options: TypesOptions, terminal: Terminal): Promise<void> {
  const { manifest } = await readManifest(folder);
  const text = bindingTypes(manifest, signaturesOf(await readModels(folder, manifest.models, options, terminal)));
  const file = join(folder, FILE_NAME);
  const shown = formatPath(file, terminal.folder);
  const found = await readFile(file, 'utf8').catch(() => undefined);
  if (options.check !== true) {
    if (found !== text) await writeFile(file, text);
    terminal.out(`${shown} ${found === text ? 'is up to date' : 'written'}\n`);
    return;
  }
  if (found !== text) {
    const problem = found === undefined ? 'is missing' : 'is out of date';
    throw new CliFailure(`${shown} ${problem}; \`pilotlight types ${formatPath(folder, terminal.folder)}\` writes it`);
  }
  terminal.out(`${shown} is up to date\n`);
}
