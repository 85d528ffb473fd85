// `pilotlight serve` as a user starts it: the supervisor and the host as processes of this build, on free ports, with a store
// of their own. A test talks to it by HTTP and by the real CLI, and awaits the events of its log.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { runCli } from '../../deploy/cli/program.ts';
import { capturedTerminal } from './captured-terminal.ts';

export const CLI = fileURLToPath(new URL('../../deploy/cli/main.js', import.meta.url));

const EVENT_WAIT_MS = 60_000;

export interface LogLine {
  readonly event: string;
  readonly pid: number;
  readonly level: string;
  readonly [field: string]: unknown;
}

export interface RealHostOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** An existing store stays when the host is closed. */
  readonly store?: string;
  /** Open descriptors that each process may have. */
  readonly descriptorsMax?: number;
  /** The Node that runs everything. */
  readonly node?: string;
}

export interface CliEnd {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CliOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly folder?: string;
  readonly node?: string;
  /** Told each piece of standard error as it comes. */
  readonly onErr?: (text: string) => void;
}

/** Runs a command of the CLI to its end. */
export async function runPilotlight(args: readonly string[], options: CliOptions = {}): Promise<CliEnd> {
  const { input = '', env = {}, folder = process.cwd(), node = process.execPath, onErr = () => {} } = options;
  const child = spawn(node, [CLI, ...args], { cwd: folder, env: { ...cleanEnv(), ...env } });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    onErr(text);
  });
  child.stdin.on('error', () => {}).end(input);
  const [code] = await once(child, 'close') as [number | null];
  return { code, out, err };
}

export class RealHost {
  readonly store: string;
  /** Every line of the log, in order, of all host processes and the supervisor. */
  readonly logs: LogLine[] = [];
  /** Lines of the log that are no JSON objects. */
  readonly strayLines: string[] = [];
  readonly ended: Promise<{ readonly exitCode: number | null; readonly message: string }>;
  readonly #child: ChildProcess;
  readonly #node: string | undefined;
  readonly #ownsStore: boolean;
  readonly #news = new EventTarget();
  #message = '';
  #isEnded = false;
  #port = 0;
  #adminPort = 0;

  /** Does not wait for anything. */
  constructor({ flags = [], env = {}, store, descriptorsMax, node }: RealHostOptions = {}) {
    this.store = store ?? mkdtempSync(join(tmpdir(), 'pilotlight-host-'));
    this.#ownsStore = store === undefined;
    this.#node = node;
    const serve = [node ?? process.execPath, CLI, 'serve', '--store', this.store, '--port=0', '--admin-port=0', ...flags];
    const limited = descriptorsMax === undefined ? serve : ['/bin/sh', '-c', `ulimit -n ${descriptorsMax}; exec "$@"`, 'sh', ...serve];
    const [command = '', ...args] = limited;
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...cleanEnv(), ...env } });
    this.#child = child;
    createInterface(child.stdout).on('line', (line) => this.#read(line));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#message += text));
    this.ended = once(child, 'close').then(([exitCode]) => {
      this.#isEnded = true;
      return { exitCode: exitCode as number | null, message: this.#message.trim() };
    });
  }

  /** Resolves when the host is ready. */
  static async start(options: RealHostOptions = {}): Promise<RealHost> {
    const host = new RealHost(options);
    await host.ready();
    return host;
  }

  /** The n-th time that a host process is ready. */
  async ready(nth = 1): Promise<LogLine> {
    const line = await this.event('host.ready', nth, ({ port }) => port !== undefined);
    [this.#port, this.#adminPort] = [Number(line['port']), Number(line['adminPort'])];
    return line;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.#adminPort}`;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get token(): string {
    return readFileSync(join(this.store, 'token'), 'utf8').trim();
  }

  /** All that was written to standard error so far. */
  get message(): string {
    return this.#message;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** kill -9 of the host process that was ready last; the supervisor lives on. */
  killHost(): void {
    const ready = this.logs.findLast(({ event, port }) => event === 'host.ready' && port !== undefined);
    if (ready !== undefined) process.kill(ready.pid, 'SIGKILL');
  }

  /** The n-th event (from 1) of this name that fits, passed or to come. */
  async event(name: string, nth = 1, fits: (line: LogLine) => boolean = () => true): Promise<LogLine> {
    const late = AbortSignal.timeout(EVENT_WAIT_MS);
    for (;;) {
      const found = this.logs.filter((line) => line.event === name && fits(line))[nth - 1];
      if (found !== undefined) return found;
      if (this.#isEnded || late.aborted) throw new Error(`no ${name} number ${nth}; ${this.#message}; seen: ${this.logs.map(({ event }) => event).join(', ')}`);
      await Promise.race([once(this.#news, 'news', { signal: late }).catch(() => {}), this.ended]);
    }
  }

  /** A command of the CLI against this host. */
  cli(args: readonly string[], options: CliOptions = {}): Promise<CliEnd> {
    return runPilotlight([...args, '--admin', this.adminUrl, '--store', this.store], { ...(this.#node === undefined ? {} : { node: this.#node }), ...options });
  }

  /** As `cli`, for what must go well; gives standard output. */
  async must(args: readonly string[], options: CliOptions = {}): Promise<string> {
    const { code, out, err } = await this.cli(args, options);
    if (code !== 0) throw new Error(`pilotlight ${args.join(' ')} ended with ${code}: ${err}`);
    return out;
  }

  /** A command of the CLI inside this process, which saves the start of one; standard input says `value`. */
  async here(args: readonly string[]): Promise<CliEnd> {
    const terminal = capturedTerminal({ input: 'value', env: { PILOTLIGHT_ADMIN: this.adminUrl, PILOTLIGHT_TOKEN: this.token } });
    const code = await runCli(args, terminal);
    return { code, ...terminal.written };
  }

  /** Deploys by a command inside this process; it must go well. */
  async deploy(...args: readonly string[]): Promise<void> {
    const { code, err } = await this.here(['deploy', ...args]);
    if (code !== 0) throw new Error(`pilotlight deploy ${args.join(' ')} ended with ${code}: ${err}`);
  }

  /** A request to a function. */
  ask(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(new URL(path, this.url), init);
  }

  /** An answer of the admin API. */
  async view<T>(path: string): Promise<T> {
    const response = await fetch(new URL(path, this.adminUrl), { headers: { authorization: `Bearer ${this.token}` } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return await response.json() as T;
  }

  async metrics(): Promise<string> {
    return (await fetch(new URL('/metrics', this.adminUrl))).text();
  }

  /** Kills what still lives and removes a store of its own. */
  async close(): Promise<void> {
    if (!this.#isEnded) this.#child.kill('SIGKILL');
    await this.ended;
    if (this.#ownsStore) rmSync(this.store, { recursive: true, force: true });
  }

  #read(text: string): void {
    try {
      this.logs.push(JSON.parse(text) as LogLine);
    } catch {
      this.strayLines.push(text);
    }
    this.#news.dispatchEvent(new Event('news'));
  }
}

/** Without settings of whoever runs the tests. */
function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PILOTLIGHT_|OTEL_|PORT$|NODE_TEST)/.test(name)));
}
