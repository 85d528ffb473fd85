// The addon as JavaScript sees it: loads native/build/pilotlight.node and declares its functions (native/src/binding/addon.cc).
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { existsSync } from 'node:fs';
import { describeThrown, PilotlightError } from '../errors.ts';
import { FRAME_LAYOUT } from './frame.ts';
import type { Capability, DeviceInfo, FoundLibrary, LostDevice, PoolSpec, PoolStats, UsedPool } from './port.ts';

/** One output of a run that came by itself; `data` is an ArrayBuffer, or the strings. */
export interface LoneOutput {
  readonly type: number;
  readonly shape: readonly number[];
  readonly data: ArrayBuffer | readonly string[];
}

/** What native threads tell this thread. `code` is 0 or a failure (native-codes.ts), `message` its text. */
export interface NativeListener {
  /** So many runs have finished well; they lie in `results` and `outputs`. */
  runs(count: number): void;
  /** A run that failed, or whose outputs are large or strings. */
  run(
    id: number, code: number, message: string, submittedMs: number, startedMs: number, endedMs: number,
    outputs: readonly (LoneOutput | undefined)[] | undefined,
  ): void;
  /** The answer to `load` (a LoadedPool), `inspect` (a Signature) or `unload`. */
  answer(id: number, code: number, message: string, value: unknown): void;
  /** More may have arrived by the next turn of the event loop: call `turn` in it. */
  later(): void;
}

/** Memory that native and this thread share; frame.ts and results.ts know what lies where. */
export interface NativeMemory {
  readonly frame: ArrayBuffer;
  readonly staging: ArrayBuffer;
  readonly results: ArrayBuffer;
  readonly outputs: ArrayBuffer;
}

/** Functions that give a number give a failure code, 0 if there was none; `reason` has the text of the last failure. */
export interface NativeAddon {
  /** Which layout the shared memory has (frame.ts). */
  readonly layout: number;
  /** Once in each thread. */
  attach(listener: NativeListener): NativeMemory;
  intern(key: string): number;
  load(id: number, spec: PoolSpec): void;
  inspect(id: number, backend: string, path: string, device: string): void;
  unload(id: number, key: string): void;
  open(key: string): number;
  retire(key: string): 'retired' | 'busy' | 'absent';
  hold(pool: number): boolean;
  release(pool: number): boolean;
  /** Submits what the frame says; `direct` holds the data that do not lie in `staging`, by input. */
  submit(direct: readonly unknown[] | undefined): number;
  reason(): string;
  cancel(id: number): void;
  turn(): void;
  stats(): readonly PoolStats[];
  statsOf(pool: number): PoolStats;
  takeUsed(): readonly UsedPool[];
  capabilities(): readonly Capability[];
  setOnnxRuntimeLibrary(path: string): void;
  /** Folders to look into for what its CUDA provider needs. */
  setCudaLibraries(folders: readonly string[]): void;
  /** Path of libcuda or of its folder, empty for the loader's search. */
  setCudaDriver(path: string): void;
  /** Path of the library or of its folder, empty for the loader's search; libraries of plugins; whether plans may run code of their own. */
  setTensorRt(library: string, plugins: readonly string[], allowHostCode: boolean): void;
  /** Between two looks at what GPUs run, in microseconds. */
  setGpuPollPause(pause: number): void;
  /** Real ones. Each gets a context of this process. */
  gpus(): readonly Omit<DeviceInfo, 'backends'>[];
  libraries(): readonly FoundLibrary[];
  /** Those that only a new process can have back. Cheap. */
  lostDevices(): readonly LostDevice[];
  /** A GPU that is not there (native/src/fake/simulated_devices.h); others have taken so many of its bytes. Again changes it. */
  simulateDevice(device: string, totalBytes: number, takenBytes: number): void;
  simulatedFreeBytes(device: string): number;
  /** From now on native threads note in this file, mapped, which pool they work for (native/src/core/work_record.h). */
  keepWorkRecord(descriptor: number): number;
  /** Milliseconds of the clock that all stamps are on. */
  monotonic(): number;
}

const FUNCTIONS = Object.keys({
  attach: true, intern: true, load: true, inspect: true, unload: true, open: true, retire: true, hold: true, release: true, submit: true, reason: true,
  cancel: true, turn: true, stats: true, statsOf: true, takeUsed: true, capabilities: true, setOnnxRuntimeLibrary: true, setCudaLibraries: true, setCudaDriver: true,
  setTensorRt: true, setGpuPollPause: true, gpus: true,
  libraries: true, lostDevices: true, simulateDevice: true,
  simulatedFreeBytes: true, keepWorkRecord: true, monotonic: true,
} satisfies Record<Exclude<keyof NativeAddon, 'layout'>, true>);

const ADDON_FILE = fileURLToPath(new URL('../../../native/build/pilotlight.node', import.meta.url));

/** Loads the addon; again in the same thread gives the same one. */
export function loadAddon(): NativeAddon {
  if (!existsSync(ADDON_FILE)) {
    throw new PilotlightError('ENGINE_FAILED', `the native addon ${ADDON_FILE} does not exist: run \`npm run set-up\``);
  }
  let addon: object;
  try {
    addon = createRequire(import.meta.url)(ADDON_FILE) as object;
  } catch (error) {
    const reason = describeThrown(error);
    throw new PilotlightError('ENGINE_FAILED', `the native addon ${ADDON_FILE} cannot be loaded (${reason}): run \`npm run set-up\``, { cause: error });
  }
  return wholeAddon(addon);
}

/** Refuses the addon of another build, which would leave runs without an answer. */
export function wholeAddon(addon: object): NativeAddon {
  const missing = FUNCTIONS.find((name) => typeof (addon as Record<string, unknown>)[name] !== 'function');
  const { layout } = addon as Partial<NativeAddon>;
  if (missing === undefined && layout === FRAME_LAYOUT) return addon as NativeAddon;
  if (missing === undefined) {
    throw new PilotlightError('ENGINE_FAILED', `the native addon ${ADDON_FILE} lays runs out in layout ${layout}, this JavaScript in ${FRAME_LAYOUT}: run \`npm run set-up\``);
  }
  throw new PilotlightError('ENGINE_FAILED', `the native addon ${ADDON_FILE} has no function "${missing}", so it is of another build than this JavaScript: run \`npm run set-up\``);
}
