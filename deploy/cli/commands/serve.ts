// `pilotlight serve`: the host itself, under its supervisor. Flags are the table of settings, one by one.
import type { Command } from 'commander';
import { readConfig, type SettingOrigin } from '../../../runtime/config.ts';
import { SETTING_NAMES, SETTINGS, flagOf } from '../../../runtime/config/settings.ts';
import { CliFailure } from '../cli-failure.ts';
import { formatTable } from '../format.ts';
import type { Terminal } from '../terminal.ts';

interface ServeOptions extends Readonly<Record<string, string | boolean | undefined>> {
  readonly printConfig?: boolean;
  readonly json?: boolean;
}

export function addServe(program: Command, terminal: Terminal): void {
  const serve = program.command('serve')
    .summary('run the host')
    .description('Runs the host: functions answer on --port, the admin API, metrics and probes on --admin-port. Each setting can also stand in ' +
      'a PILOTLIGHT_ variable or in pilotlight.config.jsonc; flags go first.')
    .option('--print-config', 'show each setting and where it came from, and exit')
    .option('--json', 'with --print-config: print JSON')
    .option('--config <file>', 'settings file (default: pilotlight.config.jsonc in the working folder)');
  for (const name of SETTING_NAMES) serve.option(`${flagOf(name)} <value>`, `${SETTINGS[name].about} (default: ${describeDefault(name)})`);
  serve.action(async (options: ServeOptions) => {
    const { printConfig, json, ...flags } = options;
    const { config, origins } = readConfig({ flags: flags as Record<string, string>, env: terminal.env, folder: terminal.folder });
    if (printConfig === true) {
      terminal.out(json === true ? `${JSON.stringify(origins, null, 2)}\n` : describeOrigins(origins, terminal));
      return;
    }
    // Loaded here only: it needs the addon, which no other command does.
    const { runSupervisor } = await import('../../../runtime/supervisor/main.ts');
    const { exitCode, message } = await runSupervisor(config);
    if (exitCode !== 0) throw new CliFailure(message ?? 'the host has ended', exitCode);
    if (message !== undefined) terminal.err(`${message}\n`);
  });
}

function describeDefault(name: (typeof SETTING_NAMES)[number]): string {
  const { defaultAbout, default: value } = SETTINGS[name];
  return defaultAbout ?? String(value);
}

function describeOrigins(origins: readonly SettingOrigin[], { paint }: Terminal): string {
  return formatTable(origins, [
    { title: 'SETTING', cell: ({ name }) => name },
    { title: 'VALUE', cell: ({ value }) => (value === undefined ? '-' : String(value)) },
    { title: 'FROM', cell: ({ from }) => from },
  ], paint);
}
