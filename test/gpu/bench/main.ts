// `node dist/test/gpu/bench/main.js [CASE...] [--quick] [--json] [--write FOLDER]`: runs the benchmarks that need a GPU, and with --write
// keeps what they said. Ends with 1 when a case could not run: figures are for people to judge.
import { parseArgs } from 'node:util';
import type { Measure } from '../../bench/measure.ts';
import { openRig } from '../gpu-rig.ts';
import { CASES } from './cases.ts';
import { short, writeResults, type CaseResult } from './results.ts';

const { values: { json = false, quick = false, write }, positionals } = parseArgs({
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, write: { type: 'string' } }, allowPositionals: true,
});
const unknown = positionals.filter((name) => !CASES.some((one) => one.name === name));
if (unknown.length > 0) {
  process.stderr.write(`no case ${unknown.join(', ')}; there are ${CASES.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}

const rig = await openRig().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
const done: CaseResult[] = [];
let failed = 0;
for (const { name, about, run } of CASES) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  if (!json) process.stdout.write(`\n${name}: ${about}\n`);
  const startMs = performance.now();
  try {
    const measures = await run({ rig, effort: quick ? 'quick' : 'full' });
    for (const measure of measures) process.stdout.write(`${json ? JSON.stringify(measure) : lineOf(measure)}\n`);
    done.push({ name, about, measures });
    if (!json) process.stdout.write(`  ${((performance.now() - startMs) / 1000).toFixed(1)} s\n`);
    // After each case: what comes later may hang or take the process along.
    if (write !== undefined) await writeResults(write, { date: new Date().toISOString().slice(0, 10), machine: rig.machine, cases: done });
  } catch (error) {
    failed++;
    process.stderr.write(`${name} could not run: ${error instanceof Error ? error.stack : String(error)}\n`);
  }
}
await rig.close();
process.exit(failed === 0 ? 0 : 1);

function lineOf({ measure, value, unit, reference, ratio, bar, ok }: Measure): string {
  const against = reference === undefined ? '' : ` against ${short(reference)}, ratio ${short(ratio ?? Number.NaN)}`;
  return `  ${measure.padEnd(56)} ${short(value)} ${unit}${against}${bar === undefined ? '' : `  bar ${bar}: ${ok ? 'met' : 'MISSED'}`}`;
}
