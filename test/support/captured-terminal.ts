// A terminal that keeps what a command writes, for tests that run the CLI in their own process.
import { PLAIN, type Terminal } from '../../deploy/cli/terminal.ts';

export interface CapturedTerminal extends Terminal {
  /** All that was written so far. */
  readonly written: { out: string; err: string };
  /** As by Ctrl-C. */
  interrupt(): void;
}

export interface CaptureOptions {
  readonly env?: Terminal['env'];
  readonly folder?: string;
  readonly input?: string;
  readonly isLive?: boolean;
}

export function capturedTerminal({ env = {}, folder = process.cwd(), input = '', isLive = false }: CaptureOptions = {}): CapturedTerminal {
  const written = { out: '', err: '' };
  const aborted = new AbortController();
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(input);
  }
  return {
    env, folder, isLive, columns: 80, paint: PLAIN, input: bytes(), written,
    out: (text) => void (written.out += typeof text === 'string' ? text : Buffer.from(text).toString('utf8')),
    err: (text) => void (written.err += text),
    interrupted: () => aborted.signal,
    interrupt: () => aborted.abort(),
  };
}
