// The control thread's way to send golden requests: HTTP like any caller's, over a socket in a folder that only this user
// can open, so that they take every step that a caller's request takes.
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monotonicMs } from '../clock.ts';
import { GOLDEN_TARGET } from './request-fields.ts';

export interface GoldenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

export interface GoldenAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly durationMs: number;
}

export class GoldenLine {
  readonly path: string;
  readonly #folder: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'golden.sock');
  }

  /** mkdtemp makes its folder with mode 0700. */
  static async open(): Promise<GoldenLine> {
    return new GoldenLine(await mkdtemp(join(tmpdir(), 'pilotlight-')));
  }

  /** `target`: key of the version, `index`: which of its isolates. */
  send(target: string, index: number, golden: GoldenRequest): Promise<GoldenAnswer> {
    const startMs = monotonicMs();
    return new Promise((resolve, reject) => {
      const headers = { host: 'localhost', ...golden.headers, [GOLDEN_TARGET]: `${target}#${index}`, 'content-length': golden.body?.byteLength ?? 0 };
      const sent = httpRequest({ socketPath: this.path, method: golden.method, path: golden.path, headers, agent: this.#agent }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => resolve({
          status: answer.statusCode ?? 0, headers: flatten(answer.headers), body: new Uint8Array(Buffer.concat(chunks)), durationMs: monotonicMs() - startMs,
        }));
      });
      sent.on('error', reject);
      sent.end(golden.body);
    });
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function flatten(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value ?? '']));
}
