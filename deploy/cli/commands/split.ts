// `pilotlight split NAME VERSION=90 VERSION=10` and `pilotlight promote NAME`: several versions side by side, and the end of that.
import { InvalidArgumentError, type Command } from 'commander';
import type { Share } from '../../../runtime/router/table.ts';
import type { HostOptions } from '../find-admin.ts';
import { connect, withHostOptions } from '../host-command.ts';
import { wholePercent } from '../option-values.ts';
import { Progress } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { describeResult } from './deploy.ts';

interface SplitOptions extends HostOptions {
  readonly warm: boolean;
  readonly json?: boolean;
}

export function addSplit(program: Command, terminal: Terminal): void {
  withHostOptions(program.command('split'))
    .summary('let several versions of a function answer side by side')
    .description('Sets how much of the traffic each version has. Versions that do not run yet are warmed and checked first; those that are ' +
      'left out are drained. A version with 0 % answers only callers who ask for it by Pilotlight-Version.')
    .argument('<name>', 'name of the function')
    .argument('<share...>', 'VERSION=PERCENT, with the first digits of a kept version; together 100', readShare)
    .option('--no-warm', 'switch at once and leave the models to the first request')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  pilotlight split digits 3f2a9c1d=90 77aa01bc=10\n')
    .action((name: string, shares: readonly Share[], options: SplitOptions) => follow(name, 'split', { shares, warm: options.warm }, options));

  withHostOptions(program.command('promote'))
    .summary('end a split: its newest version gets all traffic')
    .argument('<name>', 'name of the function')
    .option('--no-warm', 'switch at once and leave the models to the first request')
    .option('--json', 'print the result as JSON')
    .action((name: string, options: SplitOptions) => follow(name, 'promote', { warm: options.warm }, options));

  async function follow(name: string, what: 'split' | 'promote', body: unknown, options: SplitOptions): Promise<void> {
    const client = connect(options, terminal);
    using progress = new Progress(terminal, name);
    const result = await client.follow('POST', `/v1/functions/${encodeURIComponent(name)}/${what}`, body, (event) => progress.show(event));
    terminal.out(options.json === true ? `${JSON.stringify(result, null, 2)}\n` : `${describeResult(result)}\n`);
  }
}

function readShare(text: string, before: readonly Share[] = []): readonly Share[] {
  const at = text.lastIndexOf('=');
  if (at <= 0) throw new InvalidArgumentError(`${JSON.stringify(text)} is no VERSION=PERCENT.`);
  return [...before, { version: text.slice(0, at), percent: wholePercent(text.slice(at + 1)) }];
}
