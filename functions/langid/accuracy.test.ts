import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { openEngineModel, type EngineModel } from '../../test/support/engine-model.ts';
import type { Answer } from './answer.ts';
import type { Env } from './env.d.ts';
import handler from './handler.ts';
import { LANGUAGES } from './languages.ts';
import { LENGTHS, tokensOf } from './tokens.ts';

const FOLDER = new URL('../../../functions/langid/', import.meta.url);
const LINES = readFileSync(new URL('samples/held-out.tsv', FOLDER), 'utf8').trimEnd().split('\n').map((line) => {
  const [language = '', text = ''] = line.split('\t');
  return { language, text };
});

let opened: EngineModel<Env['LANGID']>;
before(async () => { opened = await openEngineModel('functions/langid/langid.onnx'); });
after(() => opened.close());

async function answerTo(text: string): Promise<Answer> {
  const response = await handler.fetch(new Request('http://localhost/langid', { method: 'POST', body: text }), { LANGID: opened.model });
  return await response.json() as Answer;
}

test('at least 95 % of the held-out lines are told right, and at least 85 % in every language', async () => {
  const wrong: { language: string; told: string }[] = [];
  for (const { language, text } of LINES) {
    const { language: guess, confidence } = await answerTo(text);
    if (guess !== language) wrong.push({ language, told: `${language} taken for ${guess} (${confidence}): ${text.slice(0, 60)}` });
  }
  const told = wrong.map((one) => one.told).join('\n');
  assert.ok(wrong.length <= LINES.length * 0.05, `${wrong.length} of ${LINES.length} wrong:\n${told}`);
  for (const language of LANGUAGES) {
    const lines = LINES.filter((line) => line.language === language).length;
    const wrongHere = wrong.filter((one) => one.language === language).length;
    assert.ok(lines >= 10 && wrongHere <= lines * 0.15, `${wrongHere} of ${lines} lines of ${language} wrong:\n${told}`);
  }
});

test('the held-out lines need every length that the handler pads to', () => {
  const lengths = new Set(LINES.map(({ text }) => tokensOf(text).length));
  assert.deepEqual([...lengths].toSorted((a, b) => a - b), [...LENGTHS]);
});

test('padding changes nothing in the answer', async () => {
  const tokens = tokensOf('Waar is het station?');
  const logits = [];
  for (const length of [20, 32, 128, 512]) {
    const data = new BigInt64Array(length);
    data.set(tokens.subarray(0, Math.min(length, tokens.length)));
    logits.push((await opened.model.run({ tokens: { type: 'int64', shape: [1, length], data } })).logits.data);
  }
  const [alone = assert.fail('no logits'), ...padded] = logits;
  for (const one of padded) one.forEach((value, index) => assert.ok(Math.abs(value - (alone[index] ?? 0)) < 1e-4, `output ${index}`));
});
