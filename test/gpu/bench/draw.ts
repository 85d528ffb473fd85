// `node dist/test/gpu/bench/draw.js FOLDER`: draws FOLDER/gpu.json as SVG files beside it. A case that is not there has no picture.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { barChart, lineChart, type Series } from './chart.ts';
import { readResults, type CaseResult, type GpuResults } from './results.ts';

const SIDE_BY_SIDE = [
  { what: 'runs', unit: 'runs/s', title: 'Runs per second, one request at a time' },
  { what: 'p50', unit: 'ms', title: 'Time of a run, p50' },
  { what: 'device memory', unit: 'MiB', title: 'Device memory, the process\'s context counted in' },
] as const;

const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write('usage: node dist/test/gpu/bench/draw.js FOLDER\n');
  process.exit(2);
}
for (const [name, svg] of Object.entries(picturesOf(readResults(folder)))) {
  await writeFile(join(folder, `${name}.svg`), svg);
  process.stdout.write(`${name}.svg\n`);
}

function picturesOf({ cases, machine, date }: GpuResults): Readonly<Record<string, string>> {
  const note = `${machine.gpu}, TensorRT ${machine.tensorrt}, ${date}`;
  const pictures: Record<string, string> = {};
  for (const one of cases) {
    if (one.name === 'slots-and-batch') {
      const { runs, ...times } = bySlots(one);
      pictures['throughput'] = lineChart({ title: 'ResNet-50 FP16: runs per second by slots', note, x: 'slots', y: 'runs/s', series: runs });
      for (const [what, series] of Object.entries(times)) {
        pictures[`latency-${what}`] = lineChart({ title: `ResNet-50 FP16: ${what} of a run by slots, two in flight a slot`, note, x: 'slots', y: 'ms', series });
      }
    }
    if (one.name === 'first-after-deploy') pictures['cold-and-warm'] = coldAndWarm(one, note);
    if (one.name === 'side-by-side') {
      for (const { what, unit, title } of SIDE_BY_SIDE) pictures[`side-by-side-${what.replaceAll(' ', '-')}`] = sideBySide(one, { what, unit, title, note });
    }
  }
  return pictures;
}

function bySlots({ measures }: CaseResult): Readonly<Record<'runs' | 'p50' | 'p99', readonly Series[]>> {
  const found = measures.flatMap(({ measure, value }) => {
    const [, slots = '', batch = '', what = ''] = /^(\d+) slots, (.+): (.+)$/.exec(measure) ?? [];
    return slots === '' ? [] : [{ at: Number(slots), batch, what, value }];
  });
  const seriesOf = (what: string): readonly Series[] => [...new Set(found.map(({ batch }) => batch))].map((batch) => ({
    name: batch, points: found.filter((one) => one.batch === batch && one.what === what).map(({ at, value }) => [at, value] as const),
  }));
  return { runs: seriesOf('runs'), p50: seriesOf('p50'), p99: seriesOf('p99') };
}

/** Of each measure the first request and the steady one. */
function coldAndWarm({ measures }: CaseResult, note: string): string {
  return barChart({
    title: 'ResNet-50 FP16: the first request after a deploy, and the steady ones', note, y: 'ms', scale: 'log',
    groups: measures.map(({ measure }) => measure),
    series: [{ name: 'first request, p90', values: measures.map(({ value }) => value) }, { name: 'steady, p50', values: measures.map(({ reference = 0 }) => reference) }],
  });
}

function sideBySide({ measures }: CaseResult, { what, unit, title, note }: { readonly what: string; readonly unit: string; readonly title: string; readonly note: string }): string {
  const found = measures.flatMap(({ measure, value }) => {
    const [, model = '', who = '', of = ''] = /^([^,]+), (.+): (.+)$/.exec(measure) ?? [];
    return of === what ? [{ model, who, value }] : [];
  });
  const models = [...new Set(found.map(({ model }) => model))];
  return barChart({
    title, note, y: unit, scale: 'linear', groups: models,
    series: [...new Set(found.map(({ who }) => who))].map((who) =>
      ({ name: who, values: models.map((model) => found.find((one) => one.model === model && one.who === who)?.value ?? 0) })),
  });
}
