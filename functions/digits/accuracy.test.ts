import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { openEngineModel, type EngineModel } from '../../test/support/engine-model.ts';
import { handlerContext } from '../../test/support/handler-context.ts';
import type { Env } from './env.d.ts';
import handler from './handler.ts';

const FOLDER = new URL('../../../functions/digits/', import.meta.url);
const SAMPLES = readdirSync(new URL('samples/', FOLDER)).filter((name) => name.endsWith('.png'));

let opened: EngineModel<Env['DIGITS']>;
before(async () => { opened = await openEngineModel('functions/digits/digits.onnx'); });
after(() => opened.close());

async function digitIn(name: string): Promise<number> {
  const request = new Request('http://localhost/digits', { method: 'POST', body: readFileSync(new URL(`samples/${name}`, FOLDER)) });
  const response = await handler.fetch(request, { DIGITS: opened.model }, handlerContext());
  return ((await response.json()) as { digit: number }).digit;
}

test('at least 95 % of the held-out digits are read right', async () => {
  const wrong: string[] = [];
  for (const name of SAMPLES) {
    const digit = await digitIn(name);
    if (digit !== Number(name[0])) wrong.push(`${name} read as ${digit}`);
  }
  assert.ok(SAMPLES.length >= 40, `${SAMPLES.length} samples`);
  assert.ok(wrong.length <= SAMPLES.length * 0.05, `${wrong.length} of ${SAMPLES.length} wrong: ${wrong.join(', ')}`);
});

test('every digit is among the samples', () => {
  assert.deepEqual([...new Set(SAMPLES.map((name) => name[0]))].toSorted().join(''), '0123456789');
});

test('the model file has at most 200 KB', () => {
  assert.ok(statSync(new URL('digits.onnx', FOLDER)).size <= 200_000);
});
