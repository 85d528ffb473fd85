// What a caller meets right after a deploy: the first request against the steady ones that follow it. Those come with
// pauses, as the first one comes after one: what a processor forgets in between is no deploy's doing. Beside it the
// same against calls without pauses.
import { readFile } from 'node:fs/promises';
import { HttpCaller } from '../../deploy/quickstart/http-caller.ts';
import { BenchHost } from './bench-host.ts';
import { DIGITS_BODY, DIGITS_PATH, writeDigitsRevision } from './digits-revision.ts';
import { median, quantile, type BenchCase, type Measure } from './measure.ts';
import { Scratch } from './scratch.ts';

const STEADY_CALLS = 40;
const PAUSE_MS = 20;
const BAR = 2;

/** First request after one deploy, p50 of those that follow with and without pauses, in milliseconds. */
interface Start {
  readonly firstMs: number;
  readonly steadyMs: number;
  readonly hastyMs: number;
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
    const named = { case: 'first-request', unit: 'ms' };
    const warm = against(starts.warm, ({ steadyMs }) => steadyMs);
    return [
      { ...named, ...warm, measure: 'first request after a deploy', bar: `<= ${BAR}`, ok: warm.ratio <= BAR },
      { ...named, ...against(starts.cold, ({ steadyMs }) => steadyMs), measure: 'the same with --no-warm', ok: true },
      { ...named, ...against(starts.warm, ({ hastyMs }) => hastyMs), measure: 'after a deploy, against calls without pauses', ok: true },
    ];
  },
};

async function startOf(port: number, png: Uint8Array): Promise<Start> {
  using caller = new HttpCaller(`http://127.0.0.1:${port}`);
  await caller.connect();
  const call = async (): Promise<number> => {
    const { status, durationMs, body } = await caller.call({ method: 'POST', path: DIGITS_PATH, body: png });
    if (status !== 200) throw new Error(`digits answered ${status}: ${body.toString()}`);
    return durationMs;
  };
  const firstMs = await call();
  const steady: number[] = [];
  const hasty: number[] = [];
  for (let i = 0; i < STEADY_CALLS; i++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    steady.push(await call());
  }
  for (let i = 0; i < STEADY_CALLS; i++) hasty.push(await call());
  return { firstMs, steadyMs: median(steady), hastyMs: median(hasty) };
}

/** The 90th percentile of the ratios is what is judged. */
function against(starts: readonly Start[], reference: (start: Start) => number): Pick<Measure, 'value' | 'reference' | 'spread'> & { readonly ratio: number } {
  const ratios = starts.map((start) => start.firstMs / reference(start));
  return {
    value: quantile(starts.map(({ firstMs }) => firstMs), 0.9), reference: median(starts.map(reference)),
    ratio: quantile(ratios, 0.9), spread: [Math.min(...ratios), Math.max(...ratios)],
  };
}
