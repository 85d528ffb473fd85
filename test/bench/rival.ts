// A server to compare with, in a process of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { RawFunction, RawModel } from './raw-function.ts';

const ONNX_SERVER = fileURLToPath(new URL('rivals/onnx-server.js', import.meta.url));

export class Rival implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** The script prints its port as its first line. */
  static async start(script: string, args: readonly string[] = []): Promise<Rival> {
    const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface(child.stdout);
    const first: unknown[] = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => [])]);
    const port = Number(first[0]);
    if (!(port > 0)) throw new Error(`${script} ended before it listened`);
    return new Rival(child, port);
  }

  /** Hono and onnxruntime-node's run() over the same models on the same paths. */
  static onnx(served: readonly (readonly [RawFunction, RawModel])[]): Promise<Rival> {
    return Rival.start(ONNX_SERVER, served.map(([{ path, model }, { input, shape, output }]) => `${path}=${model}:${input}:${shape.join('x')}:${output}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
