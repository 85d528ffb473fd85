// `npm run quickstart [-- --once]`: a host with a throw-away store, the examples deployed and asked with real inputs,
// and what warming is worth in a table. Ends with 0 only when every answer was right.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { readConfig } from '../../runtime/config.ts';
import { startSupervisor } from '../../runtime/supervisor/main.ts';
import type { KeptTrace } from '../../runtime/telemetry/trace-book.ts';
import { waterfall } from '../../runtime/telemetry/waterfall.ts';
import { HttpCaller } from './http-caller.ts';
import { planTour, type Stop } from './tour.ts';

const FUNCTIONS = fileURLToPath(new URL('../../../functions', import.meta.url));
const CLI = fileURLToPath(new URL('../cli/main.js', import.meta.url));
const READY_TIMEOUT_MS = 60_000;
const STEADY_CALLS = 300;

const { values: { once = false } } = parseArgs({ options: { once: { type: 'boolean' } } });
const say = (text = ''): void => void process.stdout.write(`${text}\n`);

const store = await mkdtemp(join(tmpdir(), 'pilotlight-quickstart-'));
// Any free ports: a host that runs already must not be in the way.
const { config } = readConfig({ flags: { store, port: '0', adminPort: '0', logLevel: 'warn' } });
const host = await startSupervisor(config);
const stop = (): void => host.stop('SIGTERM');
process.on('SIGINT', stop).on('SIGTERM', stop);
const origin = `http://127.0.0.1:${host.port}`;
const admin = `http://127.0.0.1:${host.adminPort}`;
let isRight = false;
try {
  await within(host.ready, READY_TIMEOUT_MS, 'the host did not become ready');
  await show();
  isRight = true;
  if (!once) {
    say(`\nThe host stays up until Ctrl-C:\n  functions  ${origin}/digits\n  admin      ${admin}/metrics\n`);
    say(`  curl --data-binary @functions/digits/samples/7-037.png ${origin}/digits`);
    await host.ended;
  }
} catch (error) {
  process.stderr.write(`quickstart failed: ${error instanceof Error ? error.message : String(error)}\n`);
}
stop();
await host.ended;
await rm(store, { recursive: true, force: true });
process.exit(isRight ? 0 : 1);

async function show(): Promise<void> {
  const tour = await planTour(FUNCTIONS);
  const rows: (readonly string[])[] = [];
  let coldRequestId = '';
  for (const one of tour) {
    const unwarmed = await firstRequest(one, ['--no-warm']);
    if (one.function === 'digits') coldRequestId = unwarmed.requestId;
    await cli('delete', one.function);
    const warmed = await firstRequest(one, []);
    const { p50, p99 } = await steady(one);
    rows.push([one.function, unwarmed.durationMs, warmed.durationMs, p50, p99].map((cell) => (typeof cell === 'number' ? `${cell.toFixed(2)} ms` : cell)));
    say(`\n${one.function} answers`);
    await ask(one, (says, told) => say(`  ${says.padEnd(72)} -> ${told}`));
  }
  say('\nWhat warming is worth (one kept connection)\n');
  say(table(['', 'first request without warming', 'first request after a deploy', 'steady p50', 'p99'], rows));
  say('\nWhere the time of the first request to digits without warming went\n');
  say(waterfall((await trace(coldRequestId)).span));
}

async function firstRequest({ function: name, visits }: Stop, flags: readonly string[]): Promise<{ readonly durationMs: number; readonly requestId: string }> {
  await cli('deploy', join(FUNCTIONS, name), ...flags);
  using caller = new HttpCaller(origin);
  await caller.connect();
  const [first] = visits;
  if (first === undefined) throw new Error(`the tour has no visit to ${name}`);
  const answer = await caller.call(first.call);
  first.read(answer);
  return { durationMs: answer.durationMs, requestId: String(answer.headers['pilotlight-request-id']) };
}

async function ask({ visits }: Stop, tell: (says: string, told: string) => void): Promise<void> {
  using caller = new HttpCaller(origin);
  for (const visit of visits) tell(visit.says, visit.read(await caller.call(visit.call)));
}

async function steady({ visits }: Stop): Promise<{ readonly p50: number; readonly p99: number }> {
  using caller = new HttpCaller(origin);
  await caller.connect();
  const times: number[] = [];
  for (let i = 0; i < STEADY_CALLS; i++) {
    const visit = visits[i % visits.length];
    if (visit === undefined) continue;
    times.push((await caller.call(visit.call)).durationMs);
  }
  times.sort((a, b) => a - b);
  const at = (q: number): number => times[Math.min(times.length - 1, Math.floor(times.length * q))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

/** As a user would: the CLI in a process of its own. */
async function cli(...args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [CLI, ...args, '--admin', admin, '--store', store]);
  } catch (error) {
    throw new Error(`pilotlight ${args.join(' ')}: ${(error as { stderr?: string }).stderr ?? String(error)}`, { cause: error });
  }
}

async function trace(requestId: string): Promise<KeptTrace> {
  const token = (await readFile(join(store, 'token'), 'utf8')).trim();
  const response = await fetch(`${admin}/v1/traces/${requestId}`, { headers: { authorization: `Bearer ${token}` } });
  if (!response.ok) throw new Error(`the trace of request ${requestId} was not kept: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { readonly trace: KeptTrace }).trace;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  return [head, ...rows].map((row) => `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('   ')}`).join('\n');
}

async function within<T>(work: Promise<T>, limitMs: number, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error(`${otherwise} within ${limitMs} ms`)), limitMs)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
