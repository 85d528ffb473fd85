// All commands, and what their ends mean: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { PilotlightError, describeThrown } from '../../runtime/errors.ts';
import { CliFailure } from './cli-failure.ts';
import { addCheck } from './commands/check.ts';
import { addDelete } from './commands/delete.ts';
import { addDeploy } from './commands/deploy.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEngine } from './commands/engine.ts';
import { addFunctions } from './commands/functions.ts';
import { addInvoke } from './commands/invoke.ts';
import { addPools } from './commands/pools.ts';
import { addRollback } from './commands/rollback.ts';
import { addSecret } from './commands/secret.ts';
import { addServe } from './commands/serve.ts';
import { addSplit } from './commands/split.ts';
import { addTypes } from './commands/types.ts';
import { addWhy } from './commands/why.ts';
import type { Terminal } from './terminal.ts';

/** In the order in which somebody meets them. */
const COMMANDS = [addServe, addCheck, addTypes, addDeploy, addInvoke, addFunctions, addSplit, addRollback, addDelete, addSecret, addPools, addWhy, addEngine, addDoctor];

const INTERRUPTED = 130;
const HELP_WIDTH_MAX = 120;

/** Gives the exit code; never rejects. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await createProgram(terminal).parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    return explain(error, terminal);
  }
}

export function createProgram(terminal: Terminal): Command {
  const program = new Command('pilotlight')
    .description('Hosts functions with their models, warmed before their first request.')
    .version(readVersion(), '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .configureHelp({ subcommandTerm: describeTerm, helpWidth: Math.min(terminal.columns, HELP_WIDTH_MAX) })
    .showHelpAfterError('Run it with --help for what it takes.')
    .addHelpText('after', '\nStart a host with `pilotlight serve`, then `pilotlight deploy DIR` in another terminal.\n');
  for (const add of COMMANDS) add(program, terminal);
  return program;
}

/** Without the `[options]` that every command has. */
function describeTerm(command: Command): string {
  const parameters = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  const inner = command.commands.map((one) => one.name()).join('|');
  return [command.name(), ...(inner === '' ? [] : [inner]), ...parameters].join(' ');
}

function explain(error: unknown, { err, paint }: Terminal): number {
  // Commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (isAbort(error)) {
    err('\ninterrupted; what a host has begun it goes on with\n');
    return INTERRUPTED;
  }
  const code = error instanceof PilotlightError ? `${error.code}: ` : '';
  err(`${paint.bad('error:')} ${code}${describeThrown(error)}\n`);
  if (error instanceof CliFailure) return error.exitCode;
  // Neither ours nor the user's doing: whoever reports it needs the place.
  if (!(error instanceof PilotlightError) && error instanceof Error && error.stack !== undefined) err(`${paint.faint(error.stack)}\n`);
  return 1;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

/** From dist*\/deploy/cli/. */
function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
  return version;
}
