// Starts the supervisor process with the fake host in a throw-away store, and lets a test await its events.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('supervise.js', import.meta.url));
const EVENT_WAIT_MS = 20_000;

export interface SupervisedEvent {
  readonly event: string;
  readonly pid: number;
  readonly msg?: string;
  readonly port?: number;
  readonly adminPort?: number;
  readonly held?: number;
  readonly taken?: number;
}

export interface SupervisedOptions {
  readonly flags?: readonly string[];
  /** How the fake host misbehaves. */
  readonly fakeHost?: string;
  readonly store?: string;
  readonly port?: number;
  /** Open descriptors that each process may have. */
  readonly descriptorsMax?: number;
}

export class Supervised {
  readonly store: string;
  readonly ended: Promise<{ exitCode: number | null; message: string }>;
  readonly #child;
  readonly #events: SupervisedEvent[] = [];
  readonly #news = new EventTarget();
  #isEnded = false;

  constructor({ flags = [], fakeHost = '', store, port = 0, descriptorsMax }: SupervisedOptions = {}) {
    this.store = store ?? mkdtempSync(join(tmpdir(), 'pilotlight-supervised-'));
    const node = [process.execPath, SCRIPT, '--store', this.store, '--port', String(port), '--admin-port=0', ...flags];
    const limited = descriptorsMax === undefined ? node : ['/bin/sh', '-c', `ulimit -n ${descriptorsMax}; exec "$@"`, 'sh', ...node];
    const [command = '', ...args] = limited;
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PILOTLIGHT_') && name !== 'PORT'));
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...env, FAKE_HOST: fakeHost } });
    createInterface(this.#child.stdout).on('line', (line) => {
      this.#events.push(JSON.parse(line) as SupervisedEvent);
      this.#news.dispatchEvent(new Event('news'));
    });
    let message = '';
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (message += text));
    this.ended = once(this.#child, 'close').then(([exitCode]) => {
      this.#isEnded = true;
      return { exitCode: exitCode as number | null, message: message.trim() };
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The n-th event (from 1) of this name that fits, passed or to come. */
  async event(name: string, nth = 1, fits: (event: SupervisedEvent) => boolean = () => true): Promise<SupervisedEvent> {
    const late = AbortSignal.timeout(EVENT_WAIT_MS);
    for (;;) {
      const found = this.#events.filter((event) => event.event === name && fits(event))[nth - 1];
      if (found !== undefined) return found;
      if (this.#isEnded || late.aborted) throw new Error(`no ${name} number ${nth}; seen: ${JSON.stringify(this.#events)}`);
      await Promise.race([once(this.#news, 'news', { signal: late }).catch(() => {}), this.ended]);
    }
  }

  /** Kills what still lives and removes the store. */
  async close(): Promise<void> {
    if (!this.#isEnded) this.#child.kill('SIGKILL');
    await this.ended;
    rmSync(this.store, { recursive: true, force: true });
  }
}
