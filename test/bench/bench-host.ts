// A host as its users start it: `pilotlight serve` in a process of its own, default settings, a throw-away store.
import { spawn, type ChildProcess } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bundleFolder, type BundleContent, type FolderBundle } from '../../deploy/bundle/bundle-folder.ts';
import { AdminClient } from '../../deploy/cli/admin-client.ts';
import type { FoundAdmin } from '../../deploy/cli/find-admin.ts';
import { versionLabel } from '../../runtime/function.ts';
import type { Scratch } from './scratch.ts';

const CLI = fileURLToPath(new URL('../../deploy/cli/main.js', import.meta.url));
const STEP_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 15_000;

/** What the host logs when it is ready. */
interface ReadyLine {
  readonly event: string;
  readonly pid: number;
  readonly port: number;
  readonly adminPort: number;
}

export interface BenchHostOptions {
  readonly flags?: readonly string[];
  /** A folder that holds something already; default: a new one. */
  readonly store?: string;
}

export class BenchHost implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #admin: FoundAdmin;
  /** Of the newest host process under the supervisor. */
  #hostPid: number;

  private constructor(child: ChildProcess, { port, pid }: ReadyLine, admin: FoundAdmin) {
    this.#child = child;
    this.port = port;
    this.#hostPid = pid;
    this.#admin = admin;
  }

  static async start(scratch: Scratch, { flags = [], store: given }: BenchHostOptions = {}): Promise<BenchHost> {
    const store = given ?? await scratch.subfolder(`store-${performance.now()}`);
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PILOTLIGHT_') && name !== 'PORT'));
    const child = spawn(process.execPath, [CLI, 'serve', '--store', store, '--port', '0', '--admin-port', '0', ...flags], {
      cwd: scratch.folder, env, stdio: ['ignore', 'pipe', 'inherit'],
    });
    let host: BenchHost | undefined;
    const first = new Promise<ReadyLine>((resolve, reject) => {
      createInterface(child.stdout).on('line', (line) => {
        const ready = parseReady(line);
        if (ready === undefined) return;
        if (host !== undefined) host.#hostPid = ready.pid;
        resolve(ready);
      });
      child.once('exit', (exitCode) => reject(new Error(`the host ended with ${exitCode} before it was ready`)));
    });
    const ready = await first;
    const token = (await readFile(join(store, 'token'), 'utf8')).trim();
    const url = new URL(`http://127.0.0.1:${ready.adminPort}`);
    host = new BenchHost(child, ready, { url, token });
    return host;
  }

  get hostPid(): number {
    return this.#hostPid;
  }

  /** Gives the new version as responses name it. A bundle that was made before keeps the bundling out of what is measured. */
  async deploy(what: string | FolderBundle, warming: 'warm' | 'cold' = 'warm'): Promise<string> {
    const { bundle, contents } = typeof what === 'string' ? await bundleFolder(what) : what;
    const admin = this.#client();
    const { missing } = await admin.json<{ missing: readonly string[] }>('POST', '/v1/deploys/missing', { bundle });
    for (const [path, { sha256, bytes }] of Object.entries(bundle.files)) {
      if (missing.includes(sha256)) await admin.upload(`/v1/blobs/${sha256}`, { bytes, open: () => open(contents.get(path)) });
    }
    const { version = '' } = await admin.follow('POST', '/v1/deploys', { bundle, warm: warming === 'warm' }, () => {});
    return versionLabel({ name: bundle.manifest.name, version });
  }

  async delete(name: string): Promise<void> {
    await this.#client().follow('DELETE', `/v1/functions/${name}`, undefined, () => {});
  }

  /** What /metrics says. */
  async metrics(): Promise<string> {
    const response = await fetch(new URL('/metrics', this.#admin.url), { signal: AbortSignal.timeout(STEP_TIMEOUT_MS) });
    return response.text();
  }

  /** What the admin API says there. */
  view<T>(path: string): Promise<T> {
    return this.#client().json<T>('GET', path);
  }

  /** As a crash would, or the kernel when memory is short. */
  killHostProcess(): void {
    process.kill(this.#hostPid, 'SIGKILL');
  }

  #client(): AdminClient {
    return new AdminClient(this.#admin, AbortSignal.timeout(STEP_TIMEOUT_MS));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
    clearTimeout(late);
  }
}

function parseReady(line: string): ReadyLine | undefined {
  if (!line.includes('host.ready')) return undefined;
  const parsed = JSON.parse(line) as ReadyLine;
  return typeof parsed.port === 'number' ? parsed : undefined;
}

function open(content: BundleContent | undefined): AsyncIterable<Uint8Array> {
  if (content === undefined) throw new Error('a bundle lacks a file that it names');
  return 'file' in content ? createReadStream(content.file) : (async function* () { yield content.bytes; })();
}
