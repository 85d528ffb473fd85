import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Env } from './env.d.ts';
import handler from './handler.ts';
import { LANGUAGES } from './languages.ts';

type Run = Env['LANGID']['run'];

function post(body: string, run: Run): Promise<Response> {
  const request = new Request('http://localhost/langid', { method: 'POST', body });
  return handler.fetch(request, { LANGID: { run, acquire: () => assert.fail('no lease is needed') } });
}

/** Dutch, and a little German. */
const sayingDutch: Run = () => {
  const data = Float32Array.from(LANGUAGES, (language) => (language === 'nl' ? 8 : language === 'de' ? 5 : 0));
  return Promise.resolve({ logits: { type: 'float32', shape: [1, 20], data } });
};

test('a text is answered with its language, how sure that is, and the likeliest five', async () => {
  const response = await post('Waar is het station?', sayingDutch);
  assert.equal(response.status, 200);
  const { scores, ...answer } = await response.json() as { language: string; confidence: number; scores: Record<string, number> };
  assert.deepEqual(answer, { language: 'nl', confidence: 0.9471 });
  assert.deepEqual(Object.keys(scores).slice(0, 2), ['nl', 'de']);
  assert.equal(Object.keys(scores).length, 5);
});

test('the model is given one row of as many tokens as its shape says', async () => {
  const calls: Parameters<Run>[] = [];
  await post('Waar is het station? '.repeat(3), (...call) => {
    calls.push(call);
    return sayingDutch(...call);
  });
  const [[{ tokens }] = assert.fail('no run')] = calls;
  assert.deepEqual([tokens.type, tokens.shape, tokens.data.length], ['int64', [1, 128], 128]);
});

test('a request without text is answered 400 and never reaches the model', async () => {
  const response = await post('', () => assert.fail('the model ran'));
  assert.equal(response.status, 400);
  assert.match(JSON.stringify(await response.json()), /no text/);
});

test('what the engine refuses is left to the host, which knows its codes', async () => {
  const full = new Error('the queue is full');
  await assert.rejects(post('Waar?', () => Promise.reject(full)), full);
});
