import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Env } from './env.d.ts';
import handler from './handler.ts';

/** Says the last digit of the number of pixels. */
const MODEL = {
  async run({ image }: { image: { data: Float32Array } }) {
    return { logits: { type: 'float32', shape: [1, 10], data: Float32Array.from({ length: 10 }, (_, digit) => Number(digit === image.data.length % 10)) } };
  },
} as unknown as Env['DIGITS'];

async function answerTo(body: string): Promise<{ readonly status: number; readonly json: unknown }> {
  const response = await handler.fetch(new Request('http://localhost/variants', { method: 'POST', body }), { DIGITS: MODEL });
  return { status: response.status, json: await response.json() };
}

test('the digit is the place of the largest logit', async () => {
  assert.deepEqual(await answerTo(JSON.stringify({ pixels: Array.from({ length: 784 }, () => 0.5) })), { status: 200, json: { digit: 4 } });
});

test('a body that is no picture is the caller\'s fault, and the answer says why', async () => {
  const tooDark = JSON.stringify({ pixels: Array.from({ length: 784 }, (_, at) => (at === 3 ? 2 : 0)) });
  const bodies = [['{', 'not JSON'], ['[]', 'not a list'], ['null', 'not a list'], ['{"pixels":[0]}', 'not a list of 784 numbers'], [tooDark, 'pixels\\[3\\] is 2']] as const;
  for (const [body, why] of bodies) {
    const { status, json } = await answerTo(body);
    assert.equal(status, 400);
    assert.match((json as { error: string }).error, new RegExp(why));
  }
});
