// The process that builds, inspects and runs TensorRT plans (native/src/builder/), from this side: started with a verb and options,
// tells its work in JSON lines, is cancelled by a signal, and dies with this process, because its standard input ends then.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { nativeError } from '../../runtime/engine/native-codes.ts';
import { PilotlightError } from '../../runtime/errors.ts';
import type { BuilderEvent, FailedEvent } from './builder-events.ts';

export const BUILDER_FILE = fileURLToPath(new URL('../../../native/build/pilotlight-engine-builder', import.meta.url));

/** A build that is cancelled ends at its next step; one that has none for so long is killed. */
const CANCEL_GRACE_MS = 15_000;
const LAST_WORDS_MAX = 2_000;

export interface BuilderPlace {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** libnvinfer, or the folder that holds it; left out: wherever the loader finds it. */
  readonly library?: string;
  /** libcuda, likewise. */
  readonly driver?: string;
  readonly plugins: readonly string[];
  /** Among the GPUs that can be seen. */
  readonly device: number;
  /** Where builds of one GPU wait for each other. */
  readonly lockFolder: string;
  readonly signal: AbortSignal;
  /** Whether to tell all that TensorRT says, and each call before it is made. */
  readonly log?: 'all';
}

export interface BuilderAsk {
  readonly verb: 'build' | 'inspect' | 'run';
  readonly options: readonly string[];
}

/**
 * Runs to its end and tells each line. Rejects with the signal's reason, with the coded error that the builder tells, or ENGINE_FAILED
 * when it ended without a word.
 */
export async function runBuilder({ verb, options }: BuilderAsk, place: BuilderPlace, tell: (event: BuilderEvent) => void): Promise<void> {
  place.signal.throwIfAborted();
  if (!existsSync(BUILDER_FILE)) throw new PilotlightError('ENGINE_FAILED', `the builder ${BUILDER_FILE} does not exist: run \`npm run set-up\``);
  const child = spawn(BUILDER_FILE, [verb, ...placeOptions(verb, place), ...options], {
    // A group of its own: Ctrl-C reaches it through us alone, which counts its signals.
    stdio: ['pipe', 'pipe', 'pipe'], detached: true, env: withLibraryPath(place.env, place.library),
  });
  const cancelling = cancelOnAbort(child, place.signal);
  let [lastWords, stage] = ['', 'at its start'];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-LAST_WORDS_MAX);
  });
  // It may be gone before it hears that nothing is to be read.
  child.stdin.on('error', () => {});
  let failure: FailedEvent | undefined;
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  try {
    for await (const line of createInterface(child.stdout)) {
      const event = parseLine(line);
      if (event === undefined) continue;
      if (event.event === 'failed') failure = event;
      stage = stageOf(event) ?? stage;
      tell(event);
    }
    const [code, killedBy] = await ended;
    place.signal.throwIfAborted();
    if (failure !== undefined) throw failureOf(failure);
    if (code === 0) return;
    const how = killedBy === null ? `with ${code}` : `by ${killedBy}`;
    const words = lastWords.trim();
    throw new PilotlightError('ENGINE_FAILED', `the builder's process ended ${how} ${stage}, without a reason${words === '' ? '' : `; its last words: ${words}`}. `
      + 'TensorRT itself failed; try another --optimization-level, a smaller --workspace, or another release of TensorRT');
  } finally {
    cancelling[Symbol.dispose]();
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
}

/** `kBadInput` of native/src/core/status.h: here an option, not a tensor. */
const BAD_INPUT = 10;

function failureOf({ code, message }: FailedEvent): PilotlightError {
  return code === BAD_INPUT ? new PilotlightError('BAD_REQUEST', message) : nativeError(code, message);
}

function placeOptions(verb: BuilderAsk['verb'], { library, driver, plugins, device, lockFolder, log }: BuilderPlace): string[] {
  return [
    '--watch-stdin', '--device', String(device), ...(library === undefined ? [] : ['--library', library]),
    ...(driver === undefined ? [] : ['--driver', driver]),
    ...plugins.flatMap((plugin) => ['--plugin', plugin]), ...(verb === 'build' ? ['--lock-folder', lockFolder] : []), ...(log === 'all' ? ['--verbose'] : []),
  ];
}

/** TensorRT finds its builder resources by the loader's path alone. */
function withLibraryPath(env: BuilderPlace['env'], library: string | undefined): NodeJS.ProcessEnv {
  if (library === undefined) return { ...env };
  const folder = /\.so(\.|$)/.test(library) ? dirname(library) : library;
  const before = env['LD_LIBRARY_PATH'];
  return { ...env, LD_LIBRARY_PATH: before === undefined || before === '' ? folder : `${folder}:${before}` };
}

function cancelOnAbort(child: ChildProcess, signal: AbortSignal): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const cancel = (): void => {
    child.kill('SIGINT');
    timer = setTimeout(() => child.kill('SIGKILL'), CANCEL_GRACE_MS);
  };
  signal.addEventListener('abort', cancel, { once: true });
  return {
    [Symbol.dispose]: () => {
      signal.removeEventListener('abort', cancel);
      clearTimeout(timer);
    },
  };
}

/** Undefined: a line that a library printed. */
function parseLine(line: string): BuilderEvent | undefined {
  try {
    const event = JSON.parse(line) as Partial<BuilderEvent> | null;
    return typeof event?.event === 'string' ? event as BuilderEvent : undefined;
  } catch {
    return undefined;
  }
}

function stageOf(event: BuilderEvent): string | undefined {
  if (event.event === 'phase' && event.state === 'started') return `in "${event.phase}"`;
  if (event.event === 'step') return `after step "${event.step}"`;
  if (event.event === 'calibration') return `while calibrating with sample ${event.sample} of ${event.samples}`;
  return undefined;
}
