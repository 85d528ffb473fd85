import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { handlerContext } from '../../test/support/handler-context.ts';
import type { Env } from './env.d.ts';
import handler from './handler.ts';

const SAMPLE = readFileSync(new URL('../../../functions/digits/samples/3-001.png', import.meta.url));

type Run = Env['DIGITS']['run'];

function post(body: Uint8Array, run: Run, signal?: AbortSignal): Promise<Response> {
  const request = new Request('http://localhost/digits', { method: 'POST', body, ...(signal === undefined ? {} : { signal }) });
  return handler.fetch(request, { DIGITS: { run, acquire: () => assert.fail('no lease is needed') } }, handlerContext());
}

const sayingSeven: Run = () => Promise.resolve({
  logits: { type: 'float32', shape: [1, 10], data: Float32Array.from({ length: 10 }, (_, digit) => (digit === 7 ? 5 : 0)) },
});

test('a picture is answered with the likeliest digit and its share', async () => {
  const response = await post(SAMPLE, sayingSeven);
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { digit: 7, confidence: 0.9428 });
});

test('the model is given one 28 x 28 image and the request’s signal', async () => {
  const calls: Parameters<Run>[] = [];
  await post(SAMPLE, (...call) => {
    calls.push(call);
    return sayingSeven(...call);
  }, new AbortController().signal);
  const [[inputs, options] = assert.fail('no run')] = calls;
  assert.deepEqual([inputs.image.type, inputs.image.shape, inputs.image.data.length], ['float32', [1, 1, 28, 28], 784]);
  assert.ok(options?.signal instanceof AbortSignal);
});

test('a body that is no picture is answered 400 and never reaches the model', async () => {
  const response = await post(Buffer.from('three'), () => assert.fail('the model ran'));
  assert.equal(response.status, 400);
  assert.deepEqual(await response.json(), { error: 'the body is not a PNG: send the bytes of a PNG file as they are' });
});

test('what the engine refuses is left to the host, which knows its codes', async () => {
  const full = new Error('the queue is full');
  await assert.rejects(post(SAMPLE, () => Promise.reject(full)), full);
});
