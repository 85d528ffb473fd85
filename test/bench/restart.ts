// What callers notice when the host process dies: no connection may be refused, and it should be back soon.
import { BenchHost } from './bench-host.ts';
import { DIGITS_BODY, DIGITS_PATH, writeDigitsRevision } from './digits-revision.ts';
import { load, type LoadResult } from './load.ts';
import { report, type BenchCase } from './measure.ts';
import { Scratch } from './scratch.ts';

const RATE = 100;
const CONNECTIONS = 64;
const KILL_AFTER_S = 1.5;

export const restart: BenchCase = {
  name: 'restart',
  about: `kill -9 of the host process under ${RATE} requests/s of a warm function`,
  async run({ effort }) {
    const { rounds, seconds } = effort === 'quick' ? { rounds: 1, seconds: 5 } : { rounds: 9, seconds: 8 };
    await using scratch = await Scratch.make();
    const folder = await writeDigitsRevision(scratch, 0);
    const results: LoadResult[] = [];
    for (let round = 0; round < rounds; round++) {
      // A supervisor waits longer after each death in a row; this case is about the first.
      await using host = await BenchHost.start(scratch);
      await host.deploy(folder);
      const under = load({ port: host.port, path: DIGITS_PATH, body: DIGITS_BODY, connections: CONNECTIONS, rate: RATE, seconds });
      await new Promise((resolve) => setTimeout(resolve, KILL_AFTER_S * 1000));
      host.killHostProcess();
      results.push(await under);
    }
    const total = (count: (result: LoadResult) => number): number[] => [results.reduce((sum, result) => sum + count(result), 0)];
    const counted = { case: 'restart', unit: 'requests' };
    return [
      report(total(({ refused }) => refused), { ...counted, unit: 'connections', measure: `refused in ${rounds} restarts`, bar: { atMost: 0 } }),
      report(results.map(({ longestSilenceMs }) => longestSilenceMs), { case: 'restart', unit: 'ms', measure: 'until answered again' }),
      report(results.map(({ failed, unanswered }) => failed + unanswered), { ...counted, measure: 'cut off in flight, a restart' }),
      report(results.map(({ statuses }) => statuses['503'] ?? 0), { ...counted, measure: 'answered 503, a restart' }),
    ];
  },
};
