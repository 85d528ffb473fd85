// Sends a version's golden requests through each of its isolates until their times settle. A wrong answer stops the
// rollout; times that do not settle are only worth a warning, since a noisy machine is no fault of the version.
import type { Clock } from '../../runtime/clock.ts';
import { PilotlightError, describeThrown } from '../../runtime/errors.ts';
import { versionLabel, type FunctionVersion } from '../../runtime/function.ts';
import type { DataPlane, GoldenAnswer, GoldenRequest } from '../../runtime/ingress/data-plane.ts';
import { findMismatch } from '../manifest/expectation.ts';
import type { Expectation } from '../manifest/manifest.ts';
import { within } from './within.ts';

/** Rounds of which the median is compared with that of as many before: less would call the pauses between two tiers of a compiler settled. */
const WINDOW = 12;
/** Settled is what has not become faster by more than this. */
const GAIN = 0.97;
/** A handler that takes longer gains little from a compiler: then it is enough that two rounds in a row are alike. */
const PATIENCE_MS = 1000;
const ALIKE_RATIO = 1.25;
/** More than this many tell nothing new, once patience has ended. */
const ROUNDS_MAX = 20;

export interface GoldenCase {
  /** As the manifest writes it, `POST /digits`. */
  readonly label: string;
  readonly expect: Expectation;
  /** Read when it is sent, so that bodies cost no memory meanwhile. */
  read(): Promise<GoldenRequest>;
}

export interface GoldenOptions {
  readonly dataPlane: Pick<DataPlane, 'golden'>;
  readonly clock: Clock;
  readonly version: FunctionVersion;
  readonly cases: readonly GoldenCase[];
  readonly signal: AbortSignal;
}

export interface GoldenOutcome {
  readonly sent: number;
  /** First and last time, in milliseconds, of the case that was slowest at first. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly warnings: readonly string[];
}

/** Rejects WARMUP_FAILED naming request, isolate, wanted and found. The spare is the isolate after the last. */
export async function sendGolden(options: GoldenOptions): Promise<GoldenOutcome> {
  const { cases, clock, version } = options;
  const endMs = clock.nowMs() + version.limits.initTimeoutMs;
  const outcome = { sent: 0, firstMs: 0, lastMs: 0, warnings: [] as string[] };
  for (let isolate = 0; isolate <= version.isolates; isolate++) {
    const rounds = await settle(options, { isolate, endMs });
    outcome.sent += rounds.length * cases.length;
    const slowest = rounds[0].indexOf(Math.max(...rounds[0]));
    const [firstMs = 0, lastMs = 0] = [rounds[0][slowest], rounds.at(-1)?.[slowest]];
    if (firstMs > outcome.firstMs) Object.assign(outcome, { firstMs, lastMs });
    const times = rounds.map(total);
    if (!isSettled(times)) outcome.warnings.push(`the golden requests did not settle on isolate ${isolate}: ${describeTimes(times)}`);
  }
  return outcome;
}

interface Sending {
  readonly isolate: number;
  /** After this stamp no more are sent only to settle. */
  readonly endMs: number;
}

/** The times of each round's cases, in milliseconds. */
type Rounds = [readonly number[], ...(readonly number[])[]];

/** Sends all cases in turn, round by round: code that has seen one alone is compiled for that one. */
async function settle(options: GoldenOptions, { isolate, endMs }: Sending): Promise<Rounds> {
  const round = async (): Promise<readonly number[]> => {
    const times: number[] = [];
    for (const golden of options.cases) times.push(await sendOnce(options, golden, isolate));
    return times;
  };
  const rounds: Rounds = [await round()];
  const times = [total(rounds[0])];
  while (!isSettled(times) && !isHopeless(times) && options.clock.nowMs() < endMs) {
    const next = await round();
    rounds.push(next);
    times.push(total(next));
  }
  return rounds;
}

async function sendOnce(options: GoldenOptions, golden: GoldenCase, isolate: number): Promise<number> {
  const { dataPlane, version, clock, signal } = options;
  const { initTimeoutMs } = version.limits;
  const place = `golden request ${golden.label} of ${versionLabel(version)} on isolate ${isolate}`;
  const failed = (found: string, cause?: unknown): PilotlightError => new PilotlightError('WARMUP_FAILED', `${place}: ${found}`, { cause });
  let answer: GoldenAnswer;
  try {
    answer = await within(golden.read().then((request) => dataPlane.golden(version, isolate, request)), {
      clock, signal, limitMs: initTimeoutMs,
      late: () => failed(`status ${golden.expect.status} was expected, found no answer within limits.initTimeoutMs (${initTimeoutMs} ms)`),
    });
  } catch (error) {
    if (error instanceof PilotlightError && (error.code === 'WARMUP_FAILED' || error.code === 'DRAINING')) throw error;
    throw failed(`status ${golden.expect.status} was expected, found ${describeThrown(error)}`, error);
  }
  const mismatch = findMismatch(golden.expect, answer);
  if (mismatch !== undefined) throw failed(mismatch);
  return answer.durationMs;
}

function isSettled(times: readonly number[]): boolean {
  if (isImpatient(times)) return areAlike(times.slice(-2));
  return times.length >= 2 * WINDOW && median(times.slice(-WINDOW)) >= GAIN * median(times.slice(-2 * WINDOW, -WINDOW));
}

function isHopeless(times: readonly number[]): boolean {
  return times.length >= ROUNDS_MAX && isImpatient(times);
}

function isImpatient(times: readonly number[]): boolean {
  return total(times) >= PATIENCE_MS;
}

function areAlike(pair: readonly number[]): boolean {
  return pair.length === 2 && Math.max(...pair) <= ALIKE_RATIO * Math.min(...pair);
}

function total(times: readonly number[]): number {
  return times.reduce((sum, ms) => sum + ms, 0);
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0;
}

function describeTimes(times: readonly number[]): string {
  const shown = times.slice(-4).map((ms) => ms.toFixed(1)).join(', ');
  return `${times.length} rounds, the last took ${shown} ms`;
}
