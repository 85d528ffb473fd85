// A handler's log lines on their way to the control thread: collected for one turn, cut to a length, counted when there
// are more than a second may hold, so that no handler can fill the host's memory by talking.
import { AsyncLocalStorage } from 'node:async_hooks';
import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format } from 'node:util';
import type { LogLevel, LogLine } from './setup.ts';

const LINE_CHARS_MAX = 8192;
const LINES_PER_SECOND_MAX = 1000;

export interface LogScope {
  readonly requestId: string;
  readonly traceId: string;
}

/** Which request a line, a rejection or a span belongs to. */
export const requestScope = new AsyncLocalStorage<LogScope>();

export class IsolateLog {
  readonly #post: (lines: readonly LogLine[], dropped: number) => void;
  #lines: LogLine[] = [];
  #dropped = 0;
  #second = 0;
  #inSecond = 0;
  #state: 'empty' | 'scheduled' = 'empty';

  constructor(post: (lines: readonly LogLine[], dropped: number) => void) {
    this.#post = post;
  }

  write(level: LogLevel, text: string, scope = requestScope.getStore()): void {
    const timeMs = Date.now();
    if (this.#state === 'empty') {
      this.#state = 'scheduled';
      setImmediate(() => this.flush());
    }
    if (!this.#hasRoom(timeMs)) {
      this.#dropped += 1;
      return;
    }
    const cut = text.length > LINE_CHARS_MAX ? `${text.slice(0, LINE_CHARS_MAX)}… (${text.length} characters)` : text;
    const line = { level, text: cut, timeMs };
    this.#lines.push(scope === undefined ? line : { ...line, requestId: scope.requestId, traceId: scope.traceId });
  }

  flush(): void {
    this.#state = 'empty';
    const lines = this.#lines;
    const dropped = this.#dropped;
    this.#lines = [];
    this.#dropped = 0;
    if (lines.length > 0 || dropped > 0) this.#post(lines, dropped);
  }

  #hasRoom(timeMs: number): boolean {
    const second = Math.floor(timeMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#inSecond = 0;
    }
    this.#inSecond += 1;
    return this.#inSecond <= LINES_PER_SECOND_MAX;
  }
}

const LEVELS = { debug: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'error', trace: 'debug' } as const;

/** A console whose output is log lines; what has no level of its own (`table`, `dir`, timers) is `info`. */
export function logConsole(log: IsolateLog): Console {
  const sink = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      log.write('info', String(chunk).trimEnd());
      done();
    },
  });
  const lines = new Console({ stdout: sink, stderr: sink });
  for (const [name, level] of Object.entries(LEVELS)) {
    Object.defineProperty(lines, name, {
      configurable: true, writable: true, enumerable: true,
      value: (...values: unknown[]) => log.write(level, format(...values)),
    });
  }
  return lines;
}
