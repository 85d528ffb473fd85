// Where a command reads and writes. What was asked for goes to `out`, everything said about it goes to `err`, so that
// output can be piped while a person watches.
import type { ReadStream } from 'node:tty';

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working folder. */
  readonly folder: string;
  readonly input: AsyncIterable<Uint8Array> & { readonly isTTY?: boolean };
  /** A line on `err` may be drawn over. */
  readonly isLive: boolean;
  /** Width of a line on `err`. */
  readonly columns: number;
  readonly paint: Paint;
  out(text: string | Uint8Array): void;
  err(text: string): void;
  /** Aborted by Ctrl-C, from the first call on; before it Ctrl-C ends the process. */
  interrupted(): AbortSignal;
}

export interface Paint {
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
  faint(text: string): string;
  strong(text: string): string;
}

export function processTerminal(): Terminal {
  const { stdin, stdout, stderr, env } = process;
  // A reader that has seen enough (`| head`) is no failure.
  stdout.on('error', () => process.exit(0));
  const interrupt = new AbortController();
  let isArmed = false;
  return {
    env,
    folder: process.cwd(),
    input: stdin as ReadStream,
    isLive: stderr.isTTY && env['TERM'] !== 'dumb' && env['CI'] === undefined,
    columns: stderr.columns ?? 80,
    paint: wantsColor(env, stderr.isTTY) ? COLORS : PLAIN,
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    interrupted: () => {
      if (!isArmed) process.once('SIGINT', () => interrupt.abort());
      isArmed = true;
      return interrupt.signal;
    },
  };
}

/** https://no-color.org; FORCE_COLOR wins, as in Node itself. */
function wantsColor(env: Terminal['env'], isTty: boolean): boolean {
  if (env['FORCE_COLOR'] !== undefined) return env['FORCE_COLOR'] !== '0';
  return isTty && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

const ansi = (code: number) => (text: string): string => (text === '' ? '' : `\u001b[${code}m${text}\u001b[0m`);
const plain = (text: string): string => text;

const COLORS: Paint = { good: ansi(32), warning: ansi(33), bad: ansi(31), faint: ansi(2), strong: ansi(1) };
export const PLAIN: Paint = { good: plain, warning: plain, bad: plain, faint: plain, strong: plain };
