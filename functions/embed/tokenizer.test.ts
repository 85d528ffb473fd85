import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { TOKENS_MAX, tokenizerOf } from './tokenizer.ts';

const FOLDER = new URL('../../../functions/embed/', import.meta.url);
const read = (file: string): Promise<string> => readFile(new URL(file, FOLDER), 'utf8');
const tokenize = tokenizerOf(await read('vocab.txt'));

/** As Python's zlib.crc32 over the ids as little-endian int32. */
function digestOf(ids: readonly number[]): string {
  let crc = -1;
  for (const byte of new Uint8Array(Int32Array.from(ids).buffer)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (-(crc & 1) & 0xedb88320);
  }
  return ((crc ^ -1) >>> 0).toString(16).padStart(8, '0');
}

test('a thousand texts, from prose to broken Unicode, have the tokens that the reference gives them', async () => {
  const texts = JSON.parse(await read('samples/sentences.json')) as readonly string[];
  const digests = JSON.parse(await read('samples/token-digests.json')) as readonly string[];
  assert.equal(texts.length, 1000);
  assert.deepEqual(texts.filter((text, index) => digestOf(tokenize(text)) !== digests[index]), []);
});

test('a text is framed, and an empty one is nothing but its frame', () => {
  assert.deepEqual(tokenize('Hello, world!'), [101, 7592, 1010, 2088, 999, 102]);
  assert.deepEqual(tokenize(''), [101, 102]);
});

test('a text that is too long is cut and still ends as every other', () => {
  const ids = tokenize('word '.repeat(10_000));
  assert.equal(ids.length, TOKENS_MAX);
  assert.deepEqual([ids[0], ids.at(-2), ids.at(-1)], [101, 2773, 102]);
});

test('a vocabulary without the pieces that frame a text is refused by name', () => {
  assert.throws(() => tokenizerOf('[PAD]\n[UNK]\nhello\n'), /the vocabulary has no \[CLS\]/);
});
