// A data plane without threads: it keeps count of what runs and what is published, so that a test can say that nothing
// was left behind.
import type { DeclaredVersion, FunctionVersion } from '../../runtime/function.ts';
import type { DataPlane, GoldenAnswer, GoldenRequest, Health, PauseWish, ReadSecrets } from '../../runtime/ingress/data-plane.ts';
import type { RouteTable } from '../../runtime/router/table.ts';

export class FakeDataPlane implements DataPlane {
  /** Called before each operation with its name; throw or wait here. */
  before: (operation: 'start' | 'golden' | 'publish' | 'drain' | 'pause' | 'resume' | 'stop', label: string) => void | Promise<void> = () => {};
  answer: (version: FunctionVersion, isolate: number, request: GoldenRequest) => GoldenAnswer | Promise<GoldenAnswer> = () =>
    ({ status: 200, headers: {}, body: new Uint8Array(), durationMs: 1 });
  /** What `drain` says it cut. */
  cut = 0;
  /** What `pause` says is still in flight. */
  unsettled = 0;
  /** Functions whose requests wait. */
  readonly paused = new Map<string, PauseWish>();
  health: Health | undefined;
  table: RouteTable = { generation: 0, entries: [], splits: [] };
  readonly running = new Map<string, FunctionVersion>();
  /** Those that start when a request comes, as this says. */
  readonly declared = new Map<string, { readonly version: DeclaredVersion; readonly prepare: () => Promise<FunctionVersion> }>();
  readonly secrets = new Map<string, Readonly<Record<string, string>>>();
  readonly sent: { readonly version: string; readonly isolate: number; readonly request: GoldenRequest }[] = [];
  starts = 0;

  async start(version: FunctionVersion, readSecrets: ReadSecrets): Promise<void> {
    const id = `${version.name}@${version.version}`;
    await this.before('start', id);
    const secrets = await readSecrets();
    if (!this.running.has(id)) this.starts++;
    this.running.set(id, version);
    this.secrets.set(id, secrets);
  }

  declare(version: DeclaredVersion, _readSecrets: ReadSecrets, prepare: () => Promise<FunctionVersion>): void {
    this.declared.set(`${version.name}@${version.version}`, { version, prepare });
  }

  async golden(version: FunctionVersion, index: number, request: GoldenRequest): Promise<GoldenAnswer> {
    await this.before('golden', `${version.name}@${version.version}`);
    this.sent.push({ version: version.version, isolate: index, request });
    return this.answer(version, index, request);
  }

  async publish(table: RouteTable): Promise<void> {
    await this.before('publish', String(table.generation));
    this.table = table;
  }

  async drain(name: string, version: string): Promise<number> {
    await this.before('drain', `${name}@${version}`);
    return this.cut;
  }

  async pause(name: string, wish: PauseWish): Promise<number> {
    await this.before('pause', name);
    this.paused.set(name, wish);
    return this.unsettled;
  }

  waiting(): number {
    return 0;
  }

  async resume(name: string): Promise<void> {
    await this.before('resume', name);
    this.paused.delete(name);
  }

  async stop(name: string, version: string): Promise<void> {
    await this.before('stop', `${name}@${version}`);
    this.running.delete(`${name}@${version}`);
    this.declared.delete(`${name}@${version}`);
  }

  announce(health: Health): void {
    this.health = health;
  }

  async close(): Promise<number> {
    this.running.clear();
    return 0;
  }

  snapshot() {
    const running = [...this.running.values()].map(({ name, version, isolates }) => ({ name, version, isolates, inFlight: 0, lastUsedMs: 0, replaced: 0 }));
    const declared = [...this.declared.values()].map(({ version: { name, version } }) => ({ name, version, isolates: 0, inFlight: 0, lastUsedMs: undefined, replaced: 0 }));
    return [...running, ...declared];
  }

  /** `digits@<version>` of each route, each once: what traffic meets. */
  get serving(): readonly string[] {
    return [...new Set(this.table.entries.map((entry) => `${entry.function}@${entry.version}`))].sort();
  }
}
