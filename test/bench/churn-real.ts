// Thirty models that take turns in the room of ten: callers by Zipf's law, so that some are asked for all the time and most now
// and then. None may fail, nothing may pile up, and the pinned ones should hardly notice.
import { sumOf } from '../support/metrics-text.ts';
import { BenchHost } from './bench-host.ts';
import { load, loadShares, unserved, type LoadResult, type Share } from './load.ts';
import { compare, median, report, type BenchCase } from './measure.ts';
import { PATIENT, weighing, writeRawFunction } from './raw-function.ts';
import { residentBytes } from './resident-memory.ts';
import { Scratch } from './scratch.ts';

const MODELS = 30;
const PINNED = 3;
const ROOM = 10;
/** Less than the loads that follow from it take: a line that only grows would say nothing of each. */
const RATE = 8;
const CONNECTIONS = 64;
const MIB = 2 ** 20;
const SAMPLE_EVERY_MS = 500;
const LOADS = 'faas_init_duration_seconds_count';
/** Of each isolate, so that its code is compiled and its heap has its size: what grows then is what models leave. */
const WARMING_REQUESTS = 40;
const WARMING_SECONDS_MAX = 30;
/** 20 to 60 MiB in turns, 40 on average. */
const sizeOf = (rank: number): number => 20 + 4 * ((rank * 7) % 11);
/** What a run takes beside the weights. */
const BESIDE_MIB = 4;

interface Round {
  readonly churn: LoadResult;
  readonly calm: LoadResult;
  /** Resident memory of the host process during the churn. */
  readonly bytes: readonly number[];
  readonly loads: number;
}

export const churnReal: BenchCase = {
  name: 'churn-real',
  about: `${MODELS} models of 20 to 60 MiB in the room of ${ROOM}, ${PINNED} of them pinned, ${RATE} requests/s by Zipf's law`,
  async run({ effort }) {
    // Ten rounds of half a minute are the five minutes.
    const { rounds, seconds, calmSeconds } = effort === 'quick' ? { rounds: 2, seconds: 4, calmSeconds: 2 } : { rounds: 10, seconds: 30, calmSeconds: 15 };
    await using scratch = await Scratch.make();
    await using host = await BenchHost.start(scratch, { flags: ['--devices', `cpu=${ROOM * (40 + BESIDE_MIB)}MiB`] });
    const shares: Share[] = [];
    for (let rank = 0; rank < MODELS; rank++) shares.push(await deployModel(scratch, host, rank));
    for (const { path, body } of shares) await load({ port: host.port, path, body, connections: 1, requests: WARMING_REQUESTS, seconds: WARMING_SECONDS_MAX });
    await churnRound(host, shares, { seconds, calmSeconds }); // fills the room
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round++) measured.push(await churnRound(host, shares, { seconds, calmSeconds }));
    const named = { case: 'churn-real' };
    return [
      report([measured.reduce((sum, { churn, calm }) => sum + unserved(churn) + unserved(calm), 0)], { ...named, measure: 'failed', unit: 'requests', bar: { atMost: 0 } }),
      compare([[mebibytesOf(measured.slice(-minute(rounds))), mebibytesOf(measured.slice(0, minute(rounds)))]],
        { ...named, measure: 'memory in the last minute, against the first', unit: 'MiB', bar: { atMost: 1.05 } }),
      compare(measured.map(({ churn, calm }) => [pinnedP99(churn), pinnedP99(calm)]), { ...named, measure: 'p99 of the pinned, against no churn', unit: 'ms', bar: { atMost: 3 } }),
      report(measured.map(({ loads }) => loads / seconds), { ...named, measure: 'models loaded', unit: '/s' }),
      report(measured.map(({ churn }) => churn.p50Ms), { ...named, measure: 'p50 of all', unit: 'ms' }),
      report(measured.map(({ churn }) => churn.p99Ms), { ...named, measure: 'p99 of all', unit: 'ms' }),
    ];
  },
};

const minute = (rounds: number): number => Math.ceil(rounds / 5);

/** The first ranks are the pinned ones: they are asked for most, so that their p99 is of many. */
async function deployModel(scratch: Scratch, host: BenchHost, rank: number): Promise<Share> {
  const { folder, path, body } = await writeRawFunction(scratch, {
    name: `model-${rank}`, model: weighing(sizeOf(rank), rank + 1), limits: { timeoutMs: 30_000 },
    pool: { slots: 1, queue: PATIENT, residency: rank < PINNED ? 'pinned' : 'lru' },
  });
  await host.deploy(folder, rank < PINNED ? 'warm' : 'cold');
  return { weight: 1 / (rank + 1), path, body };
}

/** What the pinned ones are asked is the same in both halves. */
async function churnRound(
  host: BenchHost, shares: readonly Share[], { seconds, calmSeconds }: { readonly seconds: number; readonly calmSeconds: number },
): Promise<Round> {
  const pinned = shares.slice(0, PINNED);
  const calm = await loadShares(pinned, { port: host.port, connections: CONNECTIONS, rate: (RATE * weightOf(pinned)) / weightOf(shares), seconds: calmSeconds });
  const loadsBefore = sumOf(await host.metrics(), LOADS);
  const bytes: number[] = [];
  const sampling = setInterval(() => void residentBytes(host).then((now) => bytes.push(now), () => {}), SAMPLE_EVERY_MS);
  try {
    const churn = await loadShares(shares, { port: host.port, connections: CONNECTIONS, rate: RATE, seconds });
    return { churn, calm, bytes, loads: sumOf(await host.metrics(), LOADS) - loadsBefore };
  } finally {
    clearInterval(sampling);
  }
}

function weightOf(shares: readonly Share[]): number {
  return shares.reduce((sum, { weight }) => sum + weight, 0);
}

function mebibytesOf(rounds: readonly Round[]): number {
  return median(rounds.flatMap(({ bytes }) => bytes)) / MIB;
}

/** The slowest of them. */
function pinnedP99({ paths }: LoadResult): number {
  return Math.max(...Array.from({ length: PINNED }, (_, rank) => paths[`/model-${rank}`]?.p99Ms ?? Number.NaN));
}
