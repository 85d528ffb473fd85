import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BATCHES, LENGTHS, batchesOf } from './batches.ts';

const text = (length: number): number[] => Array.from({ length }, (_, place) => place + 1);

for (const { lengths, shapes } of [
  { lengths: [5], shapes: [[1, 16]] },
  { lengths: [16], shapes: [[1, 16]] },
  { lengths: [17], shapes: [[1, 32]] },
  { lengths: [256], shapes: [[1, 256]] },
  { lengths: [5, 6], shapes: [[8, 16]] },
  { lengths: [5, 200], shapes: [[8, 256]] },
  { lengths: Array.from({ length: 9 }, () => 12), shapes: [[8, 16], [1, 16]] },
]) {
  test(`texts of ${lengths.join(', ')} tokens run as ${shapes.map((shape) => shape.join(' x ')).join(' and ')}`, () => {
    assert.deepEqual(batchesOf(lengths.map(text)).map(({ shape }) => shape), shapes);
  });
}

test('short texts do not pay for long ones that came with them', () => {
  const lengths = Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? 10 : 250));
  const batches = batchesOf(lengths.map(text));
  assert.deepEqual(batches.map(({ shape }) => shape), [[8, 16], [8, 256]]);
  assert.deepEqual(batches.map(({ rows }) => rows.map((row) => row % 2)), [Array(8).fill(0), Array(8).fill(1)]);
});

test('every text is in one row, followed by zeros', () => {
  const lists = [3, 40, 1, 17, 200, 64, 16, 128, 9, 33, 2].map(text);
  const seen = new Map<number, readonly number[]>();
  for (const { shape: [texts, tokens], data, rows } of batchesOf(lists)) {
    assert.equal(data.length, texts * tokens);
    for (const [row, index] of rows.entries()) {
      const ids = [...data.subarray(row * tokens, (row + 1) * tokens)].map(Number);
      const length = lists[index]?.length ?? 0;
      seen.set(index, ids.slice(0, length));
      assert.ok(ids.slice(length).every((id) => id === 0), `row ${row}`);
    }
  }
  assert.deepEqual(lists.map((_, index) => seen.get(index)), lists);
});

test('no shape is made but those of the two lists', () => {
  for (let texts = 1; texts <= 20; texts++) {
    for (const { shape } of batchesOf(Array.from({ length: texts }, (_, index) => text(1 + ((index * 37) % 256))))) {
      assert.ok(BATCHES.some((size) => size === shape[0]) && LENGTHS.some((length) => length === shape[1]), String(shape));
    }
  }
});
