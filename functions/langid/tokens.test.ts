import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LENGTHS, tokensOf } from './tokens.ts';

test('a byte of UTF-8 is one token, counted from 1, and zeros fill up', () => {
  const tokens = tokensOf('né');
  assert.equal(tokens.length, 32);
  assert.deepEqual([...tokens.subarray(0, 4)], [0x6en + 1n, 0xc3n + 1n, 0xa9n + 1n, 0n]);
});

test('a zero byte is not taken for padding', () => {
  assert.deepEqual([...tokensOf('\0a').subarray(0, 3)], [1n, 0x61n + 1n, 0n]);
});

test('texts are padded to the next length and never to another one', () => {
  const cases = [[1, 32], [32, 32], [33, 128], [128, 128], [129, 512], [512, 512], [513, 512], [100_000, 512]] as const;
  for (const [bytes, length] of cases) assert.equal(tokensOf('x'.repeat(bytes)).length, length, `${bytes} bytes`);
  for (const text of ['日'.repeat(11), 'é'.repeat(65), '🎈'.repeat(1000)]) {
    assert.ok(LENGTHS.some((length) => length === tokensOf(text).length), text.slice(0, 2));
  }
});

test('a long text is cut at 512 bytes, in the middle of a character if need be', () => {
  const tokens = tokensOf('日'.repeat(1000));
  assert.deepEqual([...tokens.subarray(510)], [0xe6n + 1n, 0x97n + 1n]);
});
