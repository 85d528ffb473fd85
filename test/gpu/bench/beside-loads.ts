// What loading and unloading another engine without pause does to a warm pool's callers: their p99 at a fixed pace, against its own when
// all is quiet.
import { readFile } from 'node:fs/promises';
import { bundleFolder } from '../../../deploy/bundle/bundle-folder.ts';
import { monotonicMs } from '../../../runtime/clock.ts';
import { BenchHost } from '../../bench/bench-host.ts';
import { load, unserved, type LoadResult } from '../../bench/load.ts';
import { compare, report } from '../../bench/measure.ts';
import { Scratch } from '../../bench/scratch.ts';
import { writeEmbedFunction, writeGpuFunction } from '../gpu-function.ts';
import { encoderOf, endsOf, planOf } from '../gpu-models.ts';
import type { GpuCase } from './gpu-case.ts';

const RATE = 500;
const CONNECTIONS = 64;

export const besideLoads: GpuCase = {
  name: 'beside-loads',
  about: `p99 of MiniLM at ${RATE} requests/s while ResNet-50 is loaded, warmed and unloaded without pause`,
  async run({ rig, effort }) {
    const { rounds, seconds } = effort === 'quick' ? { rounds: 1, seconds: 2 } : { rounds: 5, seconds: 4 };
    const [warm, other] = [await planOf(rig, 'minilm-fp16'), await planOf(rig, 'resnet50-fp16')];
    await using scratch = await Scratch.make();
    await using host = await BenchHost.start(scratch, { flags: ['--config', rig.config] });
    const served = await writeEmbedFunction(scratch, { name: 'embed', ...encoderOf(warm), slots: 4 });
    await host.deploy(served.folder);
    const heavy = await writeGpuFunction(scratch, { ...endsOf(other, 'min'), name: 'other', slots: 2, isolates: 1 });
    const beside = await bundleFolder(heavy.folder);
    const picture = await readFile(heavy.body);
    const calls = (): Promise<LoadResult> => load({ port: host.port, path: served.path, body: served.body, connections: CONNECTIONS, rate: RATE, seconds });
    await calls(); // compiles what runs often
    const measured: { readonly quiet: LoadResult; readonly busy: LoadResult; readonly loads: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      const quiet = await calls();
      const under = calls();
      const endMs = monotonicMs() + seconds * 1000;
      let loads = 0;
      for (; monotonicMs() < endMs; loads++) {
        await host.deploy(beside, 'cold');
        await askOnce(host, heavy.path, picture);
        await host.delete('other');
      }
      measured.push({ quiet, busy: await under, loads });
    }
    return [
      compare(measured.map(({ busy, quiet }) => [busy.p99Ms, quiet.p99Ms]), { case: 'beside-loads', unit: 'ms', measure: 'p99 beside loads, against quiet', bar: { atMost: 2 } }),
      compare(measured.map(({ busy, quiet }) => [busy.p50Ms, quiet.p50Ms]), { case: 'beside-loads', unit: 'ms', measure: 'p50 beside loads, against quiet' }),
      report([measured.reduce((sum, { quiet, busy }) => sum + unserved(quiet) + unserved(busy), 0)],
        { case: 'beside-loads', unit: 'requests', measure: 'not answered', bar: { atMost: 0 } }),
      report(measured.map(({ loads }) => loads / seconds), { case: 'beside-loads', unit: '/s', measure: 'engines loaded and unloaded' }),
    ];
  },
};

async function askOnce({ port }: BenchHost, path: string, body: Buffer): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body });
  await answer.arrayBuffer();
  if (answer.status !== 200) throw new Error(`${path} was answered ${answer.status}`);
}
