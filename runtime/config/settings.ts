// The one table of settings. Flags, variables, keys of the file, their checks, defaults and the reference
// page all come from it: a setting that is not here does not exist.
import { join } from 'node:path';
import type { Config, LogLevel } from '../config.ts';
import { DEVICE_BUDGETS_DEFAULT_ABOUT, deviceBudgets } from './device-budgets.ts';
import { simulatedDeviceList } from './simulated-devices.ts';
import { fraction, hostName, oneOf, path, pathList, wholeNumber, yesOrNo } from './value-type.ts';
import type { ValueType } from './value-type.ts';

export interface Machine {
  readonly cores: number;
  readonly platform: NodeJS.Platform;
}

/** What defaults may depend on. */
export interface Surroundings extends Machine {
  /** The working folder. */
  readonly folder: string;
}

export interface Setting<Value> {
  /** For the reference page and `--help`: what it does, in which unit. */
  readonly about: string;
  readonly type: ValueType<Exclude<Value, undefined>>;
  readonly default: Value | ((surroundings: Surroundings) => Value);
  /** How the reference page tells a default that is computed. */
  readonly defaultAbout?: string;
  /** A variable that platforms set, read after ours. */
  readonly otherVariable?: string;
}

export type SettingName = keyof Config;

const DAY_MS = 24 * 60 * 60 * 1000;
const PORT = wholeNumber(0, 65535);
const MILLISECONDS = wholeNumber(0, DAY_MS);
const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

export const SETTINGS: { readonly [Name in SettingName]: Setting<Config[Name]> } = {
  store: {
    about: 'Folder that holds everything the host keeps: versions, state, secrets, the admin token. Made when it is missing.',
    type: path,
    default: ({ folder }) => join(folder, '.pilotlight'),
    defaultAbout: '.pilotlight in the working folder',
  },
  host: {
    about: 'Address that functions are served on. 0.0.0.0 or :: for all interfaces.',
    type: hostName,
    default: '127.0.0.1',
  },
  port: {
    about: 'Port that functions are served on; 0 takes any free one.',
    type: PORT,
    default: 8787,
    otherVariable: 'PORT',
  },
  adminHost: {
    about: 'Address of the admin API, metrics and probes.',
    type: hostName,
    default: '127.0.0.1',
  },
  adminPort: {
    about: 'Port of the admin API, metrics and probes; 0 takes any free one.',
    type: PORT,
    default: 8788,
  },
  ingressThreads: {
    about: 'Threads that take requests.',
    type: wholeNumber(1, 64),
    default: defaultIngressThreads,
    defaultAbout: '1 with one or two cores and on macOS, else a quarter of the cores, 2 to 4',
  },
  onnxruntimeLibrary: {
    about: 'ONNX Runtime\'s shared library, or a folder that holds it, in place of the packaged one (which is for the CPU). For GPUs: the folder ' +
      'onnxruntime/capi of PyPI\'s onnxruntime-gpu.',
    type: path,
    default: undefined,
    defaultAbout: 'the library of the package onnxruntime-node',
  },
  cudaLibraries: {
    about: 'Folders to look into, before the system\'s loader does, for what ONNX Runtime needs on GPUs: cuBLAS, cuDNN, cuRAND, the CUDA runtime. Each holds ' +
      'libraries, or is the folder nvidia of a Python environment.',
    type: pathList,
    default: [],
    defaultAbout: 'the folder nvidia of the Python environment that onnxruntimeLibrary lies in',
  },
  cudaDriver: {
    about: 'The library of NVIDIA\'s driver (libcuda), or the folder that holds it.',
    type: path,
    default: undefined,
    defaultAbout: 'where the system\'s loader finds libcuda.so.1',
  },
  tensorrtLibrary: {
    about: 'TensorRT\'s shared library (libnvinfer) of version 10 or 11, or the folder that holds it.',
    type: path,
    default: undefined,
    defaultAbout: 'where the system\'s loader finds libnvinfer.so.10 or libnvinfer.so.11',
  },
  tensorrtPlugins: {
    about: 'Libraries with plugins for TensorRT, opened in this order before the first plan is loaded. Without one of them no plan is.',
    type: pathList,
    default: [],
    defaultAbout: 'none',
  },
  versionCompatiblePlans: {
    about: 'Whether to load version-compatible TensorRT plans. They run code of their own in the host, so only with plans that you trust as you trust the host.',
    type: yesOrNo,
    default: false,
  },
  gpuPollPauseUs: {
    about: 'Rest between two looks at what runs of TensorRT plans, in microseconds. 0 is the fastest, and takes one core of each GPU while anything runs on ' +
      'it; with 100 it takes a fraction of that, and a run ends up to so much later.',
    type: wholeNumber(0, 10_000),
    default: 0,
  },
  devices: {
    about: 'Devices to load models on, and the memory that they may hold together on each: a size, a part of its memory (of a GPU never more than is ' +
      'free at the start), or what is free at the start less a size. When it is full, the least valuable idle ones are unloaded. A device that is not ' +
      'named is not used.',
    type: deviceBudgets,
    default: undefined,
    defaultAbout: DEVICE_BUDGETS_DEFAULT_ABOUT,
  },
  simulatedDevices: {
    about: 'GPUs to simulate, with their bytes, those of them that others have taken, and their compute capability. Only .fake models load on them, ' +
      'and count their bytes there.',
    type: simulatedDeviceList,
    default: undefined,
    defaultAbout: 'none',
  },
  residencyMinMs: {
    about: 'A model that was loaded is not unloaded for another before this time has passed, in milliseconds.',
    type: MILLISECONDS,
    default: 1000,
  },
  poolCheckEveryMs: {
    about: 'Time after which a loaded model that nobody used is tried by a light run of its own, in milliseconds. One that fails twice is unloaded ' +
      'and loaded again. 0: never.',
    type: MILLISECONDS,
    default: 60_000,
  },
  drainTimeoutMs: {
    about: 'Time that requests in flight are given when a version is replaced or the host stops, in milliseconds.',
    type: MILLISECONDS,
    // With the time to tell and to close it fits into the 30 s that Kubernetes gives.
    default: 25_000,
  },
  versionsKept: {
    about: 'Earlier versions of each function that stay in the store beside those that serve, to go back to.',
    type: wholeNumber(1, 1000),
    default: 10,
  },
  loadWaitersMax: {
    about: 'Requests that may wait for one load; those over it are answered 429 TOO_BUSY.',
    type: wholeNumber(1, 1_000_000),
    default: 1000,
  },
  isolateIdleMs: {
    about: 'Time without a request after which an isolate is stopped, in milliseconds; the next request that needs it starts it again. 0: never.',
    type: MILLISECONDS,
    default: 600_000,
  },
  isolatesMax: {
    about: 'Isolates of all functions, their spares among them. When there are as many, the one that was used least recently makes room for one that is needed.',
    type: wholeNumber(1, 10_000),
    default: 128,
  },
  secretsDir: {
    about: 'Folder with a folder for each function and a file for each secret, read beside those of `pilotlight secret`.',
    type: path,
    default: undefined,
    defaultAbout: 'none',
  },
  traceSampling: {
    about: 'Part of the warm requests whose traces are kept, from 0 to 1. Cold and failed ones are always kept.',
    type: fraction,
    default: 0.01,
  },
  logLevel: {
    about: 'Least level of the events that are logged.',
    type: oneOf(LOG_LEVELS),
    default: 'info',
  },
  restartWaitMs: {
    about: 'Time for which connections wait while the host process restarts, before they are answered 503 RESTARTING, in milliseconds.',
    type: MILLISECONDS,
    default: 3000,
  },
  hostHangMs: {
    about: 'Silence of the host process\'s control thread after which it is killed and started again, in milliseconds.',
    type: wholeNumber(2000, DAY_MS),
    default: 10_000,
  },
};

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** Variables that begin like ours and are no settings: the CLI's. */
export const OTHER_VARIABLES: readonly string[] = ['PILOTLIGHT_CONFIG', 'PILOTLIGHT_TOKEN', 'PILOTLIGHT_ADMIN'];

/** `drainTimeoutMs` is `--drain-timeout-ms`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `drainTimeoutMs` is `PILOTLIGHT_DRAIN_TIMEOUT_MS`. */
export function variableOf(name: string): string {
  return `PILOTLIGHT_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

export interface SettingRow {
  readonly name: SettingName;
  readonly flag: string;
  readonly variables: readonly string[];
  readonly expects: string;
  readonly default: string;
  readonly about: string;
}

/** What the reference page and `--help` say of each setting, in the order of the table. */
export function settingRows(): readonly SettingRow[] {
  return SETTING_NAMES.map((name) => {
    const { about, type, otherVariable, defaultAbout, default: value } = SETTINGS[name];
    const variables = otherVariable === undefined ? [variableOf(name)] : [variableOf(name), otherVariable];
    return { name, flag: flagOf(name), variables, expects: type.expects, default: defaultAbout ?? String(value), about };
  });
}

function defaultIngressThreads({ cores, platform }: Surroundings): number {
  // macOS hands all connections of a shared port to one of its listeners.
  if (cores <= 2 || platform === 'darwin') return 1;
  return Math.min(4, Math.max(2, Math.floor(cores / 4)));
}
