// What all commands that talk to a host share: the options that name it, the client, tables that refresh.
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import { AdminClient } from './admin-client.ts';
import { findAdmin, type HostOptions } from './find-admin.ts';
import { formatTable, type Column } from './format.ts';
import type { Terminal } from './terminal.ts';

export function withHostOptions(command: Command): Command {
  return command
    .option('--admin <url>', 'admin address of the host (default: the one in the settings; also PILOTLIGHT_ADMIN)')
    .option('--store <folder>', 'store of the host, where its token is (default: the one in the settings; also PILOTLIGHT_TOKEN for the token)')
    .option('--config <file>', 'settings file');
}

export function connect(options: HostOptions, terminal: Terminal): AdminClient {
  return new AdminClient(findAdmin(options, terminal), terminal.interrupted());
}

export interface ViewOptions extends HostOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
}

export function withViewOptions(command: Command): Command {
  return withHostOptions(command).option('--json', 'print JSON').option('--watch', 'print again every second until Ctrl-C');
}

export interface View<Answer, Row> {
  readonly path: string;
  rows(answer: Answer): readonly Row[];
  readonly columns: readonly Column<Row>[];
  /** Said on `err` when there are no rows. */
  readonly empty: string;
}

const WATCH_MS = 1000;

export async function showView<Answer, Row>(view: View<Answer, Row>, options: ViewOptions, terminal: Terminal): Promise<void> {
  const client = connect(options, terminal);
  for (;;) {
    const answer = await client.json<Answer>('GET', view.path);
    if (options.watch === true && terminal.isLive) terminal.out('\u001b[H\u001b[2J');
    if (options.json === true) terminal.out(`${JSON.stringify(answer, null, options.watch === true ? 0 : 2)}\n`);
    else if (view.rows(answer).length === 0) terminal.err(`${view.empty}\n`);
    else terminal.out(formatTable(view.rows(answer), view.columns, terminal.paint));
    if (options.watch !== true) return;
    await setTimeout(WATCH_MS, undefined, { signal: terminal.interrupted() });
  }
}
