// The native programs of native/bench, and the addons there: built on first use, because nobody but a benchmark needs them. On a machine
// that cannot build them, BENCH_PROGRAMS names a folder with built ones. Each program of `runNative` prints one JSON object.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILD_FOLDER = fileURLToPath(new URL('../../../native/build', import.meta.url));
const builds = new Map<string, Promise<string>>();

export interface NativeProgram {
  readonly program: 'http' | 'loop';
  readonly args: readonly string[];
}

export async function runNative<Output>({ program, args }: NativeProgram): Promise<Output> {
  return JSON.parse(await outputOf(await built(program), args)) as Output;
}

/** What the benchmark of TensorRT pools prints: lines for people. */
export async function runTensorRtBench(args: readonly string[]): Promise<string> {
  return outputOf(await built('tensorrt'), args);
}

/** `heap` reads the C library's heap, `uncounted` is our addon with jobs that do not hold their pools. */
export async function loadBenchAddon(name: 'heap' | 'uncounted'): Promise<object> {
  return createRequire(import.meta.url)(`${await built(name)}.node`) as object;
}

/** The path, without an ending. */
function built(name: string): Promise<string> {
  const building = builds.get(name) ?? build(name);
  builds.set(name, building);
  return building;
}

async function build(name: string): Promise<string> {
  const brought = process.env['BENCH_PROGRAMS'];
  if (brought !== undefined) return join(brought, `bench_${name}`);
  await outputOf('cmake', ['--build', BUILD_FOLDER, '--target', `bench_${name}`]);
  return join(BUILD_FOLDER, 'bench', `bench_${name}`);
}

async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (exitCode !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${exitCode ?? signal}: ${said.err || said.out}`);
  return said.out;
}
