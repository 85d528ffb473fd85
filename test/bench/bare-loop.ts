// The reference of the engine's benchmarks: the same model in a plain C loop over ONNX Runtime's own Run (native/bench/loop.cc).
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { packagedOnnxRuntimeLibrary } from '../../runtime/engine/onnxruntime-library.ts';

const execute = promisify(execFile);
const BUILD_FOLDER = fileURLToPath(new URL('../../../native/build', import.meta.url));

export interface BareLoop {
  readonly model: string;
  readonly threads: number;
  readonly seconds: number;
  /** What a dynamic axis is. */
  readonly axis?: number;
  /** Lets other programs go first as much as slots do, so that those take as much from both sides; default: as little as any program. */
  readonly niceness?: number;
}

/** Builds the program; the addon must have been built before. */
export async function buildBareLoop(): Promise<void> {
  await execute('cmake', ['--build', BUILD_FOLDER, '--target', 'bench_loop']);
}

/** Runs a second. */
export async function runBareLoop({ model, threads, seconds, axis = 1, niceness = 0 }: BareLoop): Promise<number> {
  const { stdout } = await execute('nice', [
    '-n', String(niceness), `${BUILD_FOLDER}/bench/bench_loop`, model, '--library', packagedOnnxRuntimeLibrary(), '--threads', String(threads),
    '--seconds', String(seconds), '--axis', String(axis),
  ]);
  return (JSON.parse(stdout) as { runsPerSecond: number }).runsPerSecond;
}
