// Settings, read once at the edge: flags over PILOTLIGHT_* variables over pilotlight.config.jsonc over
// defaults. Checked as a whole, frozen, each with where it came from; an unknown or wrong one is an error
// that names the nearest right one. The table of settings is config/settings.ts.
import { availableParallelism } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { parseConfigFile, readConfigFile } from './config/config-file.ts';
import { nearestName } from './config/nearest-name.ts';
import { flagOf, OTHER_VARIABLES, SETTING_NAMES, SETTINGS, variableOf } from './config/settings.ts';
import type { Machine, SettingName } from './config/settings.ts';
import type { ValueType } from './config/value-type.ts';
import { PilotlightError } from './errors.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** What each means, its bounds and its default stand in config/settings.ts. All paths are absolute. */
export interface Config {
  readonly store: string;
  readonly host: string;
  readonly port: number;
  readonly adminHost: string;
  readonly adminPort: number;
  readonly ingressThreads: number;
  readonly onnxruntimeLibrary: string | undefined;
  readonly cudaLibraries: readonly string[];
  readonly cudaDriver: string | undefined;
  readonly tensorrtLibrary: string | undefined;
  readonly tensorrtPlugins: readonly string[];
  readonly versionCompatiblePlans: boolean;
  readonly gpuPollPauseUs: number;
  readonly devices: string | undefined;
  readonly simulatedDevices: string | undefined;
  readonly residencyMinMs: number;
  readonly poolCheckEveryMs: number;
  readonly drainTimeoutMs: number;
  readonly versionsKept: number;
  readonly loadWaitersMax: number;
  readonly isolateIdleMs: number;
  readonly isolatesMax: number;
  readonly secretsDir: string | undefined;
  readonly traceSampling: number;
  readonly logLevel: LogLevel;
  readonly restartWaitMs: number;
  readonly hostHangMs: number;
}

export interface ConfigSources {
  /** Text by setting name, and `config` for another file; `parseSettingFlags` makes it from arguments. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The working folder: holds the file, and what relative paths of flags, variables and defaults are relative to. */
  readonly folder?: string;
  readonly machine?: Machine;
}

export interface SettingOrigin {
  readonly name: SettingName;
  readonly value: Config[SettingName];
  /** `--port`, `PILOTLIGHT_PORT`, `pilotlight.config.jsonc:3:5` or `default`. */
  readonly from: string;
}

export interface ReadConfig {
  readonly config: Config;
  /** In the order of the table: what `--print-config` shows. */
  readonly origins: readonly SettingOrigin[];
}

const FILE_NAME = 'pilotlight.config.jsonc';

export function readConfig(sources: ConfigSources = {}): ReadConfig {
  const { flags = {}, env = process.env, folder = process.cwd() } = sources;
  const machine = sources.machine ?? { cores: availableParallelism(), platform: process.platform };
  const layers = [flagValues(flags, folder), variableValues(env, folder), fileValues(flags['config'], env['PILOTLIGHT_CONFIG'], folder)];
  const origins = SETTING_NAMES.map((name): SettingOrigin => {
    const set = layers.find((layer) => layer.has(name))?.get(name);
    return { name, ...(set ?? { value: defaultOf(name, machine, folder), from: 'default' }) };
  });
  // Every name of the table is there, each with a value that its own type accepted.
  const config = Object.fromEntries(origins.map(({ name, value }) => [name, value])) as unknown as Config;
  refuseSharedPort(config);
  return { config: Object.freeze(config), origins };
}

/** `--port 80 --store=/var/lib/pilotlight` by setting name. For callers that do not parse flags by the table themselves. */
export function parseSettingFlags(args: readonly string[]): Readonly<Record<string, string>> {
  const nameOf = new Map(['config', ...SETTING_NAMES].map((name) => [flagOf(name), name]));
  const flags: Record<string, string> = Object.create(null);
  for (let index = 0; index < args.length; index += 1) {
    const [flag = '', inline] = splitOnce(args[index] ?? '');
    const name = nameOf.get(flag);
    if (name === undefined) throw unknown(flag, [...nameOf.keys()]);
    if (name in flags) throw new PilotlightError('BAD_SETTING', `${flag} is given twice; give it once`);
    const value = inline ?? args[(index += 1)];
    if (value === undefined) throw new PilotlightError('BAD_SETTING', `${flag} needs a value after it`);
    flags[name] = value;
  }
  return flags;
}

interface SetValue {
  readonly value: Config[SettingName];
  readonly from: string;
}

type Layer = ReadonlyMap<SettingName, SetValue>;

function flagValues(flags: Readonly<Record<string, string>>, folder: string): Layer {
  const layer = new Map<SettingName, SetValue>();
  for (const [name, text] of Object.entries(flags)) {
    if (name === 'config') continue;
    const known = requireSetting(name, flagOf(name), flagOf);
    layer.set(known, { value: parseText(known, text, folder, flagOf(name)), from: flagOf(name) });
  }
  return layer;
}

function variableValues(env: Readonly<Record<string, string | undefined>>, folder: string): Layer {
  const nameOf = new Map(SETTING_NAMES.map((name) => [variableOf(name), name]));
  const layer = new Map<SettingName, SetValue>();
  const take = (name: SettingName, variable: string): void => {
    // Set but empty is how a compose file or a shell says "not set".
    const text = env[variable];
    if (text) layer.set(name, { value: parseText(name, text, folder, variable), from: variable });
  };
  for (const name of SETTING_NAMES) if (SETTINGS[name].otherVariable !== undefined) take(name, SETTINGS[name].otherVariable);
  for (const variable of Object.keys(env)) {
    if (!variable.startsWith('PILOTLIGHT_') || OTHER_VARIABLES.includes(variable) || isServiceLink(variable, env)) continue;
    const name = nameOf.get(variable);
    if (name === undefined) throw unknown(variable, [...nameOf.keys(), ...OTHER_VARIABLES]);
    take(requireSetting(name, variable, variableOf), variable);
  }
  return layer;
}

/** Kubernetes gives every pod such variables for a Service that is called pilotlight: PILOTLIGHT_PORT=tcp://10.0.0.7:8787 and more. */
function isServiceLink(variable: string, env: Readonly<Record<string, string | undefined>>): boolean {
  const isLinked = /^(tcp|udp|sctp):\/\//.test(env['PILOTLIGHT_PORT'] ?? '');
  return isLinked && /^PILOTLIGHT_(PORT|PORT_.*|SERVICE_.*)$/.test(variable);
}

function fileValues(flag: string | undefined, variable: string | undefined, folder: string): Layer {
  const named = flag ?? (variable || undefined);
  const file = resolve(folder, named ?? FILE_NAME);
  const text = readConfigFile(file);
  if (text === undefined && named !== undefined) {
    throw new PilotlightError('BAD_SETTING', `the settings file ${file} does not exist; name another with --config, or leave it out`);
  }
  const layer = new Map<SettingName, SetValue>();
  if (text === undefined) return layer;
  for (const [key, { value, from }] of parseConfigFile(named ?? basename(file), text)) {
    const name = requireSetting(key, `${from}: "${key}"`, (known) => known);
    const parsed = SETTINGS[name].type.parseJson(value, dirname(file));
    if (parsed === undefined) throw wrongValue(`${from}: "${key}"`, value, SETTINGS[name].type);
    layer.set(name, { value: parsed, from });
  }
  return layer;
}

function requireSetting(name: string, asWritten: string, spell: (name: string) => string): SettingName {
  const known = SETTING_NAMES.find((candidate) => candidate === name);
  if (known === undefined) throw unknown(asWritten, SETTING_NAMES.map(spell), spell(name));
  return known;
}

function unknown(asWritten: string, candidates: readonly string[], spelled = asWritten): PilotlightError {
  const nearest = nearestName(spelled, candidates);
  const advice = nearest === undefined ? `there are ${candidates.join(', ')}` : `did you mean ${nearest}?`;
  return new PilotlightError('BAD_SETTING', `${asWritten} is no setting; ${advice}`);
}

function wrongValue(asWritten: string, value: unknown, { expects, choices = [] }: Pick<ValueType<unknown>, 'expects' | 'choices'>): PilotlightError {
  const nearest = nearestName(String(value), choices);
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  return new PilotlightError('BAD_SETTING', `${asWritten} is ${JSON.stringify(value)}; expected ${expects}${hint}`);
}

function parseText(name: SettingName, text: string, folder: string, asWritten: string): Config[SettingName] {
  const parsed = SETTINGS[name].type.parseText(text, folder);
  if (parsed === undefined) throw wrongValue(asWritten, text, SETTINGS[name].type);
  return parsed;
}

function defaultOf(name: SettingName, machine: Machine, folder: string): Config[SettingName] {
  const value = SETTINGS[name].default;
  return typeof value === 'function' ? value({ ...machine, folder }) : value;
}

function refuseSharedPort({ host, port, adminHost, adminPort }: Config): void {
  if (port === 0 || port !== adminPort || host !== adminHost) return;
  throw new PilotlightError('BAD_SETTING', `port and adminPort are both ${port}; give one of them another`);
}

function splitOnce(argument: string): [string, string | undefined] {
  const at = argument.indexOf('=');
  return at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}
