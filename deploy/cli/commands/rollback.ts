// `pilotlight rollback NAME [VERSION]`: back to a kept version, warmed before traffic meets it.
import type { Command } from 'commander';
import type { HostOptions } from '../find-admin.ts';
import { connect, withHostOptions } from '../host-command.ts';
import { Progress } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { describeResult } from './deploy.ts';

interface RollbackOptions extends HostOptions {
  readonly warm: boolean;
  readonly json?: boolean;
}

export function addRollback(program: Command, terminal: Terminal): void {
  withHostOptions(program.command('rollback'))
    .summary('go back to an earlier version')
    .argument('<name>', 'name of the function')
    .argument('[version]', 'first digits of a version (default: the one that served before the current one)')
    .option('--no-warm', 'switch at once and leave the models to the first request')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, version: string | undefined, options: RollbackOptions) => {
      const client = connect(options, terminal);
      using progress = new Progress(terminal, name);
      const path = `/v1/functions/${encodeURIComponent(name)}/rollback`;
      const result = await client.follow('POST', path, { version, warm: options.warm }, (event) => progress.show(event));
      terminal.out(options.json === true ? `${JSON.stringify(result, null, 2)}\n` : `${describeResult(result)}\n`);
    });
}
