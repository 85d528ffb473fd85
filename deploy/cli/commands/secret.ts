// `pilotlight secret put|list|delete`: a value comes in on standard input, so that no shell history and no `ps` ever shows it.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Command } from 'commander';
import { CliFailure } from '../cli-failure.ts';
import type { HostOptions } from '../find-admin.ts';
import { connect, withHostOptions } from '../host-command.ts';
import type { Terminal } from '../terminal.ts';

const VALUE_BYTES_MAX = 64 * 1024;

export function addSecret(program: Command, terminal: Terminal): void {
  const secret = program.command('secret').summary('put, list or delete secrets of a function');

  withHostOptions(secret.command('put'))
    .summary('set a secret; its value is read from standard input')
    .description('Sets a secret of a function; the value is read from standard input. Isolates that start from then on see it:\n' +
      'those of the next version, those that replace a lost one, and all after a restart of the host.')
    .argument('<name>', 'name of the function')
    .argument('<key>', 'name of the secret, as the manifest lists it')
    .addHelpText('after', '\nExample:\n  printf %s "$KEY" | pilotlight secret put digits API_KEY\n')
    .action(async (name: string, key: string, options: HostOptions) => {
      const value = await readValue(terminal, key);
      await connect(options, terminal).text('PUT', pathOf(name, key), value);
      terminal.err(`secret ${key} of ${name} is set; isolates that start from now on see it\n`);
    });

  withHostOptions(secret.command('list'))
    .summary('list the names of the secrets')
    .argument('<name>', 'name of the function')
    .option('--json', 'print JSON')
    .action(async (name: string, options: HostOptions & { readonly json?: boolean }) => {
      const { secrets } = await connect(options, terminal).json<{ secrets: readonly string[] }>('GET', pathOf(name));
      if (options.json === true) terminal.out(`${JSON.stringify({ secrets }, null, 2)}\n`);
      else if (secrets.length === 0) terminal.err(`${name} has no secrets\n`);
      else terminal.out(secrets.map((key) => `${key}\n`).join(''));
    });

  withHostOptions(secret.command('delete'))
    .summary('delete a secret')
    .argument('<name>', 'name of the function')
    .argument('<key>', 'name of the secret')
    .action(async (name: string, key: string, options: HostOptions) => {
      await connect(options, terminal).json('DELETE', pathOf(name, key));
      terminal.err(`secret ${key} of ${name} is deleted\n`);
    });
}

function pathOf(name: string, key?: string): string {
  const path = `/v1/functions/${encodeURIComponent(name)}/secrets`;
  return key === undefined ? path : `${path}/${encodeURIComponent(key)}`;
}

async function readValue(terminal: Terminal, key: string): Promise<string> {
  const value = terminal.input.isTTY === true ? await askHidden(terminal, key) : await readAll(terminal);
  // `echo` and editors end a line; a secret with a newline of its own at the end has two.
  const trimmed = value.replace(/\r?\n$/, '');
  if (trimmed === '') throw new CliFailure(`the value of ${key} is empty; give it on standard input: printf %s "$KEY" | pilotlight secret put ...`, 2);
  return trimmed;
}

async function readAll({ input }: Terminal): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    bytes += chunk.byteLength;
    if (bytes > VALUE_BYTES_MAX) throw new CliFailure(`the value on standard input has more than ${VALUE_BYTES_MAX} bytes`, 2);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Nothing of what is typed is shown. */
async function askHidden(terminal: Terminal, key: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: terminal.input as NodeJS.ReadStream, output: silent, terminal: true });
  terminal.err(`Value of ${key} (not shown), then Enter: `);
  try {
    return await lines.question('', { signal: terminal.interrupted() });
  } finally {
    lines.close();
    terminal.err('\n');
  }
}
