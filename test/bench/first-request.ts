// What a caller meets right after a deploy: the first request against the steady ones that follow it.
import { readFile } from 'node:fs/promises';
import { HttpCaller } from '../../deploy/quickstart/http-caller.ts';
import { BenchHost } from './bench-host.ts';
import { DIGITS_BODY, DIGITS_PATH, writeDigitsRevision } from './digits-revision.ts';
import { median, quantile, type BenchCase, type Measure } from './measure.ts';
import { Scratch } from './scratch.ts';

const STEADY_CALLS = 50;
const BAR = 2;

/** First request and steady p50 after one deploy, in milliseconds. */
interface Start {
  readonly firstMs: number;
  readonly steadyMs: number;
}

export const firstRequest: BenchCase = {
  name: 'first-request',
  about: 'digits: the first request after a deploy against the steady p50, 90th percentile of the deploys',
  async run({ effort }) {
    const deploys = effort === 'quick' ? 2 : 50;
    await using scratch = await Scratch.make();
    await using host = await BenchHost.start(scratch);
    const png = await readFile(DIGITS_BODY);
    const starts: Record<'warm' | 'cold', Start[]> = { warm: [], cold: [] };
    for (let revision = 0; revision < 2 * deploys; revision++) {
      const warming = revision % 2 === 0 ? 'warm' : 'cold';
      await host.deploy(await writeDigitsRevision(scratch, revision), warming);
      starts[warming].push(await startOf(host.port, png));
    }
    return [
      { ...describe(starts.warm), measure: 'first request after a deploy', bar: `<= ${BAR}`, ok: p90Ratio(starts.warm) <= BAR },
      { ...describe(starts.cold), measure: 'the same with --no-warm', ok: true },
    ];
  },
};

async function startOf(port: number, png: Uint8Array): Promise<Start> {
  using caller = new HttpCaller(`http://127.0.0.1:${port}`);
  await caller.connect();
  const times: number[] = [];
  for (let i = 0; i <= STEADY_CALLS; i++) {
    const { status, durationMs, body } = await caller.call({ method: 'POST', path: DIGITS_PATH, body: png });
    if (status !== 200) throw new Error(`digits answered ${status}: ${body.toString()}`);
    times.push(durationMs);
  }
  const [firstMs = Number.NaN, ...steady] = times;
  return { firstMs, steadyMs: median(steady) };
}

function describe(starts: readonly Start[]): Omit<Measure, 'measure' | 'ok'> {
  const ratios = starts.map(({ firstMs, steadyMs }) => firstMs / steadyMs);
  return {
    case: 'first-request', unit: 'ms', value: quantile(starts.map(({ firstMs }) => firstMs), 0.9), reference: median(starts.map(({ steadyMs }) => steadyMs)),
    ratio: p90Ratio(starts), spread: [Math.min(...ratios), Math.max(...ratios)],
  };
}

function p90Ratio(starts: readonly Start[]): number {
  return quantile(starts.map(({ firstMs, steadyMs }) => firstMs / steadyMs), 0.9);
}
