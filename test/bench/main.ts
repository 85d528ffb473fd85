// `npm run bench [-- CASE...] [--json] [--quick]`: runs the cases one after the other and prints what each compared.
// Ends with 1 only when a case could not run: figures are for people to judge.
import { parseArgs } from 'node:util';
import { CASES } from './cases.ts';
import type { Measure } from './measure.ts';

const { values: { json = false, quick = false }, positionals } = parseArgs({
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' } }, allowPositionals: true,
});
const unknown = positionals.filter((name) => !CASES.some((one) => one.name === name));
if (unknown.length > 0) {
  process.stderr.write(`no case ${unknown.join(', ')}; there are ${CASES.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}

let failed = 0;
for (const { name, about, run } of CASES) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  if (!json) process.stdout.write(`\n${name}: ${about}\n`);
  try {
    for (const measure of await run({ effort: quick ? 'quick' : 'full' })) process.stdout.write(`${json ? JSON.stringify(measure) : lineOf(measure)}\n`);
  } catch (error) {
    failed++;
    process.stderr.write(`${name} could not run: ${error instanceof Error ? error.stack : String(error)}\n`);
  }
}
process.exit(failed === 0 ? 0 : 1);

function lineOf({ measure, value, unit, reference, ratio, spread, bar, ok }: Measure): string {
  const against = reference === undefined ? '' : ` against ${short(reference)}, ratio ${short(ratio ?? Number.NaN)}`;
  const range = spread === undefined ? '' : ` (${short(spread[0])} to ${short(spread[1])})`;
  const verdict = bar === undefined ? '' : `  bar ${bar}: ${ok ? 'met' : 'MISSED'}`;
  return `  ${measure.padEnd(44)} ${short(value)} ${unit}${against}${range}${verdict}`;
}

function short(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}
