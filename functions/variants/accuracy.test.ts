// What the smaller forms of the model are worth: digits read right, against the original on the same pictures.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { openEngineModel } from '../../test/support/engine-model.ts';
import { imageOf } from '../digits/image.ts';
import { readPng } from '../digits/png.ts';
import type { Env } from './env.d.ts';

const PICTURES = new URL('../../../functions/digits/samples/', import.meta.url);
const IMAGES = readdirSync(PICTURES).filter((name) => name.endsWith('.png')).map((name) => ({ digit: Number(name[0]), data: imageOf(readPng(readFileSync(new URL(name, PICTURES)))) }));
/** Of the pictures, in percent. */
const LOST_MAX = 0.5;

/** In percent. */
async function accuracyOf(path: string): Promise<number> {
  const { model, close } = await openEngineModel<Env['DIGITS']>(path);
  let right = 0;
  for (const { digit, data } of IMAGES) {
    const { logits } = await model.run({ image: { type: 'float32', shape: [1, 1, 28, 28], data } });
    if (logits.data.indexOf(Math.max(...logits.data)) === digit) right++;
  }
  await close();
  return (100 * right) / IMAGES.length;
}

for (const name of ['digits.int8.onnx', 'digits.fp16.onnx']) {
  test(`${name} reads as many digits right as the original, less ${LOST_MAX} points at most`, async () => {
    const [original, smaller] = [await accuracyOf('functions/digits/digits.onnx'), await accuracyOf(`functions/variants/${name}`)];
    assert.ok(original >= 95, `the original reads ${original} %`);
    assert.ok(smaller >= original - LOST_MAX, `${name} reads ${smaller} % right, the original ${original} %`);
  });

  test(`${name} has at most 60 KB`, () => {
    assert.ok(statSync(new URL(`../../../functions/variants/${name}`, import.meta.url)).size <= 60_000);
  });
}
