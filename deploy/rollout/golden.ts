// Sends a version's golden requests through each of its isolates until their times settle. A wrong answer stops the
// rollout; times that do not settle are only worth a warning, since a noisy machine is no fault of the version.
import type { Clock } from '../../runtime/clock.ts';
import { PilotlightError, describeThrown } from '../../runtime/errors.ts';
import { versionLabel, type FunctionVersion } from '../../runtime/function.ts';
import type { DataPlane, GoldenAnswer, GoldenRequest } from '../../runtime/ingress/data-plane.ts';
import { findMismatch } from '../manifest/expectation.ts';
import type { Expectation } from '../manifest/manifest.ts';
import { within } from './within.ts';

/** More than this many tell nothing new. */
const SENDS_MAX = 20;
const SETTLED_RATIO = 1.25;

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
  for (const golden of cases) {
    const request = await golden.read();
    for (let isolate = 0; isolate <= version.isolates; isolate++) {
      const times = await settle(options, { golden, request, isolate, endMs });
      outcome.sent += times.length;
      const [firstMs = 0, lastMs = 0] = [times[0], times.at(-1)];
      if (firstMs > outcome.firstMs) Object.assign(outcome, { firstMs, lastMs });
      if (!isSettled(times)) outcome.warnings.push(`${golden.label} did not settle on isolate ${isolate}: ${describeTimes(times)}`);
    }
  }
  return outcome;
}

interface Sending {
  readonly golden: GoldenCase;
  readonly request: GoldenRequest;
  readonly isolate: number;
  /** After this stamp no more are sent only to settle. */
  readonly endMs: number;
}

async function settle(options: GoldenOptions, sending: Sending): Promise<readonly number[]> {
  const times: number[] = [];
  do times.push(await sendOnce(options, sending));
  while (!isSettled(times) && times.length < SENDS_MAX && options.clock.nowMs() < sending.endMs);
  return times;
}

async function sendOnce(options: GoldenOptions, { golden, request, isolate }: Sending): Promise<number> {
  const { dataPlane, version, clock, signal } = options;
  const { initTimeoutMs } = version.limits;
  const place = `golden request ${golden.label} of ${versionLabel(version)} on isolate ${isolate}`;
  const failed = (found: string, cause?: unknown): PilotlightError => new PilotlightError('WARMUP_FAILED', `${place}: ${found}`, { cause });
  let answer: GoldenAnswer;
  try {
    answer = await within(dataPlane.golden(version, isolate, request), {
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
  const [before, last] = [times.at(-2), times.at(-1)];
  if (before === undefined || last === undefined) return false;
  return Math.max(before, last) <= SETTLED_RATIO * Math.min(before, last);
}

function describeTimes(times: readonly number[]): string {
  const shown = times.slice(-4).map((ms) => ms.toFixed(1)).join(', ');
  return `${times.length} sent, the last took ${shown} ms`;
}
