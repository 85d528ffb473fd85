// The CLI's side of the admin API: every answer that is not the wanted one becomes an error that says what was tried.
import { ERROR_KINDS, PilotlightError, describeThrown, fromPlainError, type ErrorCode } from '../../runtime/errors.ts';
import type { ProgressLine } from '../admin/progress-stream.ts';
import type { RolloutListener, RolloutResult } from '../rollout/rollout-event.ts';
import { CliFailure } from './cli-failure.ts';
import type { FoundAdmin } from './find-admin.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface Upload {
  readonly bytes: number;
  open(): AsyncIterable<Uint8Array>;
}

export class AdminClient {
  readonly #admin: FoundAdmin;
  readonly #signal: AbortSignal;

  constructor(admin: FoundAdmin, signal: AbortSignal) {
    this.#admin = admin;
    this.#signal = signal;
  }

  /** Where it asks, without the path. */
  get origin(): string {
    return this.#admin.url.origin;
  }

  async json<T>(method: Method, path: string, body?: unknown): Promise<T> {
    const response = await this.#ask(method, path, body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  async text(method: Method, path: string, body: string): Promise<void> {
    await this.#ask(method, path, { body, headers: { 'content-type': 'text/plain; charset=utf-8' } });
  }

  async upload(path: string, { bytes, open }: Upload): Promise<void> {
    const body = ReadableStream.from(open());
    await this.#ask('PUT', path, { body, duplex: 'half', headers: { 'content-length': String(bytes), 'content-type': 'application/octet-stream' } });
  }

  /** Follows a rollout to its end. Rejects with the host's error. */
  async follow(method: Method, path: string, body: unknown, onEvent: RolloutListener): Promise<RolloutResult> {
    const response = await this.#ask(method, path, body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
    for await (const text of this.#linesOf(response)) {
      if (text === '') continue;
      const line = JSON.parse(text) as ProgressLine;
      if ('result' in line) return line.result;
      if ('error' in line) throw fromPlainError(line.error);
      onEvent(line.event);
    }
    throw new CliFailure(`${this.#admin.url.origin} stopped telling before the end (${method} ${path}); the host may be restarting, run the same command again`);
  }

  /** Ends where the host was cut off. */
  async *#linesOf(response: Response): AsyncGenerator<string> {
    try {
      yield* linesOf(response);
    } catch (error) {
      if (this.#signal.aborted) throw error;
    }
  }

  async #ask(method: Method, path: string, init: RequestInit & { readonly duplex?: 'half' }): Promise<Response> {
    const { url, token } = this.#admin;
    let response: Response;
    try {
      response = await fetch(new URL(path, url), {
        ...init, method, signal: this.#signal, redirect: 'error', headers: { ...init.headers, authorization: `Bearer ${token}` },
      });
    } catch (error) {
      if (this.#signal.aborted) throw error;
      throw new CliFailure(
        `no host answers at ${url.origin} (${method} ${path}: ${describeCause(error)}); start one with \`pilotlight serve\`, or name another with --admin`, 1, error);
    }
    if (!response.ok) throw await refusal(response, `${method} ${url.origin}${path}`);
    return response;
  }
}

async function refusal(response: Response, tried: string): Promise<Error> {
  const text = await response.text().catch(() => '');
  try {
    const { code, detail } = JSON.parse(text) as { code?: unknown; detail?: unknown };
    if (typeof code === 'string' && Object.hasOwn(ERROR_KINDS, code)) {
      return new PilotlightError(code as ErrorCode, String(detail));
    }
  } catch {
    // Not ours to read: whoever answered is not a host.
  }
  return new CliFailure(`${tried} was answered ${response.status} with ${JSON.stringify(text.slice(0, 100))}; is that the admin address of a Pilotlight host?`);
}

function describeCause(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
  return code ?? describeThrown(cause ?? error);
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body ?? []) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
