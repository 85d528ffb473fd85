import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BadText, textIn } from './text-in.ts';

function post(body: string | Uint8Array, contentType?: string): Request {
  const headers = new Headers(contentType === undefined ? [] : [['content-type', contentType]]);
  return new Request('http://localhost/langid', { method: 'POST', body, headers });
}

test('the body is the text, unless its content-type says JSON', async () => {
  assert.equal(await textIn(post('Guten Tag')), 'Guten Tag');
  assert.equal(await textIn(post('{"text": "Guten Tag"}', 'text/plain')), '{"text": "Guten Tag"}');
  assert.equal(await textIn(post('{"text": "Guten Tag"}', 'application/json')), 'Guten Tag');
  assert.equal(await textIn(post('{"text": "Guten Tag"}', 'application/vnd.example+json; charset=utf-8')), 'Guten Tag');
});

test('white space around and between words counts as one space', async () => {
  assert.equal(await textIn(post('  Guten\r\n\tTag \n')), 'Guten Tag');
});

test('bytes that are no UTF-8 are still a text', async () => {
  assert.equal(await textIn(post(Uint8Array.of(0x47, 0xff, 0x74))), 'G\ufffdt');
});

const WRONG: readonly (readonly [string, string, RegExp])[] = [
  ['', 'text/plain', /no text/],
  [' \n ', 'text/plain', /no text/],
  ['', 'application/json', /not valid JSON/],
  ['{"text": ', 'application/json', /not valid JSON/],
  ['null', 'application/json', /no string named "text"/],
  ['["Guten Tag"]', 'application/json', /no string named "text"/],
  ['{"text": 3}', 'application/json', /no string named "text"/],
  ['{"text": ""}', 'application/json', /no text/],
];

for (const [body, contentType, words] of WRONG) {
  test(`${JSON.stringify(body)} as ${contentType} is refused in words that a caller understands`, async () => {
    await assert.rejects(textIn(post(body, contentType)), (error) => error instanceof BadText && words.test(error.message));
  });
}
