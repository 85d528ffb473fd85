import assert from 'node:assert/strict';
import { test } from 'node:test';
import handler from './handler.ts';

const env = { GREETING: 'Hello' };

async function answerTo(path: string): Promise<{ status: number; body: unknown }> {
  const response = handler.fetch(new Request(`http://localhost${path}`), env);
  return { status: response.status, body: await response.json() };
}

test('hello greets the world when no name is given', async () => {
  assert.deepEqual(await answerTo('/hello'), { status: 200, body: { message: 'Hello, world!' } });
  assert.deepEqual(await answerTo('/hello/?name=ignored'), { status: 200, body: { message: 'Hello, world!' } });
});

test('hello greets the name in the path, whatever script it is in', async () => {
  assert.deepEqual(await answerTo('/hello/Ada%20Lovelace'), { status: 200, body: { message: 'Hello, Ada Lovelace!' } });
  assert.deepEqual(await answerTo('/hello/Żaneta'), { status: 200, body: { message: 'Hello, Żaneta!' } });
});

test('hello answers 400 to a name whose percent-encoding is broken', async () => {
  const { status, body } = await answerTo('/hello/%E0%A4%A');
  assert.equal(status, 400);
  assert.match(JSON.stringify(body), /percent-encoded/);
});
