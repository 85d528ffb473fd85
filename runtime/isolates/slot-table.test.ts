import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlotTable } from './slot-table.ts';

test('an item is found by its id until it is taken', () => {
  const table = new SlotTable<string>();
  const a = table.add('a');
  const b = table.add('b');
  assert.deepEqual([table.get(a), table.get(b), table.size], ['a', 'b', 2]);
  assert.equal(table.take(a), 'a');
  assert.deepEqual([table.get(a), table.take(a), table.size], [undefined, undefined, 1]);
});

test('an id that comes late does not name who has the slot now', () => {
  const table = new SlotTable<number>();
  const seen = new Set<number>();
  for (let count = 0; count < 10_000; count += 1) {
    const id = table.add(count);
    assert.ok(!seen.has(id) && id < 2 ** 30);
    seen.add(id);
    table.take(id);
  }
});

test('clear takes all and leaves the slots to others', () => {
  const table = new SlotTable<string>();
  const ids = ['a', 'b', 'c'].map((item) => table.add(item));
  table.take(ids[1] ?? 0);
  assert.deepEqual(table.clear(), ['a', 'c']);
  assert.equal(table.size, 0);
  assert.equal(table.get(table.add('d')), 'd');
});

test('an id that was never given names nothing', () => {
  const table = new SlotTable<string>();
  const id = table.add('a');
  for (const other of [id + 1, id + 65_536, 2 ** 29]) assert.equal(table.get(other), undefined);
});
