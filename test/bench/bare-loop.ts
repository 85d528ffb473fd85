// The reference of the engine's benchmarks: the same model in a plain C loop over ONNX Runtime's own Run (native/bench/loop.cc).
import { packagedOnnxRuntimeLibrary } from '../../runtime/engine/onnxruntime-library.ts';
import { runNative } from './native-program.ts';

export interface BareLoop {
  readonly model: string;
  readonly threads: number;
  readonly seconds: number;
  /** What a dynamic axis is. */
  readonly axis?: number;
}

/** Runs a second. */
export async function runBareLoop({ model, threads, seconds, axis = 1 }: BareLoop): Promise<number> {
  const args = [
    model, '--library', packagedOnnxRuntimeLibrary(), '--threads', String(threads), '--seconds', String(seconds), '--axis', String(axis),
  ];
  return (await runNative<{ readonly runsPerSecond: number }>({ program: 'loop', args })).runsPerSecond;
}
