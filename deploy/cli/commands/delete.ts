// `pilotlight delete NAME`: takes a function, its versions and its secrets away.
import type { Command } from 'commander';
import type { HostOptions } from '../find-admin.ts';
import { connect, withHostOptions } from '../host-command.ts';
import { Progress } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { describeResult } from './deploy.ts';

export function addDelete(program: Command, terminal: Terminal): void {
  withHostOptions(program.command('delete'))
    .summary('delete a function with its versions and secrets')
    .argument('<name>', 'name of the function')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, options: HostOptions & { readonly json?: boolean }) => {
      const client = connect(options, terminal);
      using progress = new Progress(terminal, name);
      const result = await client.follow('DELETE', `/v1/functions/${encodeURIComponent(name)}`, undefined, (event) => progress.show(event));
      terminal.out(options.json === true ? `${JSON.stringify(result, null, 2)}\n` : `${describeResult(result)}\n`);
    });
}
