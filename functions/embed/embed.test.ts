import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embed, type Tokenize } from './embed.ts';
import type { Env } from './env.d.ts';
import { TEXT_LENGTH_MAX, TEXTS_MAX } from './texts-in.ts';

type Run = Env['MINILM']['run'];

interface Answer {
  readonly code?: string;
  readonly error?: string;
  readonly dimensions?: number;
  readonly tokens?: readonly number[];
  readonly embeddings?: readonly (readonly number[] | string)[];
}

/** A token a character. */
const tokenize: Tokenize = (text) => Array.from(text, (character) => character.charCodeAt(0));

/** Of each row its first token and how many there are. */
const telling: Run = ({ tokens: { shape, data } }) => {
  const [texts = 0, length = 0] = shape;
  const rows = Array.from({ length: texts }, (_, row) => [...data.subarray(row * length, (row + 1) * length)].map(Number));
  return Promise.resolve({ embedding: { type: 'float32', shape: [texts, 2], data: Float32Array.from(rows.flatMap((row) => [row[0] ?? 0, row.filter((id) => id > 0).length])) } });
};

async function post(body: unknown, run: Run = telling): Promise<{ readonly status: number } & Answer> {
  const request = new Request('http://localhost/embed', { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });
  const response = await embed(request, { MINILM: { run, acquire: () => assert.fail('no lease is needed') } }, tokenize);
  return { status: response.status, ...await response.json() as Answer };
}

test('each text gets its own vector, in the order in which they were sent', async () => {
  const texts = ['ccc', 'a', 'x'.repeat(40), 'bb', ''];
  const { status, ...answer } = await post({ texts });
  assert.equal(status, 200);
  assert.deepEqual(answer, { dimensions: 2, tokens: [3, 1, 40, 2, 0], embeddings: [[99, 3], [97, 1], [120, 40], [98, 2], [0, 0]] });
});

test('as base64 a vector is the bytes of its float32', async () => {
  const { embeddings } = await post({ texts: ['a', 'bb'], encoding: 'base64' });
  const vectors = embeddings?.map((text) => [...new Float32Array(Uint8Array.from(Buffer.from(String(text), 'base64')).buffer)]);
  assert.deepEqual(vectors, [[97, 1], [98, 2]]);
});

for (const { what, body, code } of [
  { what: 'no JSON', body: '{"texts": [', code: 'BAD_JSON' },
  { what: 'JSON that is no object', body: 'null', code: 'NO_TEXTS' },
  { what: 'another field', body: { text: 'a' }, code: 'NO_TEXTS' },
  { what: 'an empty list', body: { texts: [] }, code: 'NO_TEXTS' },
  { what: 'a text that is a number', body: { texts: ['a', 7] }, code: 'NO_TEXTS' },
  { what: 'one text too many', body: { texts: Array(TEXTS_MAX + 1).fill('a') }, code: 'TOO_MANY_TEXTS' },
  { what: 'a text that is too long', body: { texts: ['a'.repeat(TEXT_LENGTH_MAX + 1)] }, code: 'TEXT_TOO_LONG' },
  { what: 'an unknown encoding', body: { texts: ['a'], encoding: 'hex' }, code: 'BAD_ENCODING' },
]) {
  test(`${what} is answered 400 ${code} and never reaches the model`, async () => {
    const answer = await post(body, () => assert.fail('the model ran'));
    assert.deepEqual([answer.status, answer.code], [400, code]);
    assert.ok(answer.error !== undefined && answer.error.length > 10);
  });
}

test('as many and as long texts as are allowed are answered', async () => {
  const { status, tokens } = await post({ texts: Array(TEXTS_MAX).fill('a') });
  assert.deepEqual([status, tokens?.length], [200, TEXTS_MAX]);
});

test('what the engine refuses is left to the host, which knows its codes', async () => {
  const full = new Error('the queue is full');
  await assert.rejects(post({ texts: ['a'] }, () => Promise.reject(full)), full);
});
