// The native programs of native/bench: built on first use, because nobody but a benchmark needs them. Each prints one
// JSON object.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILD_FOLDER = fileURLToPath(new URL('../../../native/build', import.meta.url));
const builds = new Map<string, Promise<string>>();

export interface NativeProgram {
  readonly program: 'http' | 'loop';
  readonly args: readonly string[];
}

export async function runNative<Output>({ program, args }: NativeProgram): Promise<Output> {
  const building = builds.get(program) ?? build(program);
  builds.set(program, building);
  return JSON.parse(await outputOf(await building, args)) as Output;
}

async function build(program: string): Promise<string> {
  await outputOf('cmake', ['--build', BUILD_FOLDER, '--target', `bench_${program}`]);
  return join(BUILD_FOLDER, 'bench', `bench_${program}`);
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
