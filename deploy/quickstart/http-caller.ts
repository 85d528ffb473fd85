// Calls functions over one kept connection, as a service beside the host would: no connection set-up in the times.
import { Agent, request } from 'node:http';

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly durationMs: number;
}

const TIMEOUT_MS = 60_000;

export class HttpCaller implements Disposable {
  readonly #origin: URL;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(origin: string) {
    this.#origin = new URL(origin);
  }

  /** Opens the connection, so that the next call does not pay for it. */
  async connect(): Promise<void> {
    await this.call({ method: 'GET', path: '/v2/health/live' });
  }

  call({ method, path, headers = {}, body }: Call): Promise<Answer> {
    const startMs = performance.now();
    return new Promise((resolve, reject) => {
      const { hostname, port } = this.#origin;
      const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
      const sent = request({ agent: this.#agent, hostname, port, method, path, headers: { ...headers, ...length }, timeout: TIMEOUT_MS }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject).on('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks), durationMs: performance.now() - startMs });
        });
      });
      sent.on('error', reject).on('timeout', () => sent.destroy(new Error(`no answer to ${method} ${path} within ${TIMEOUT_MS} ms`)));
      sent.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
