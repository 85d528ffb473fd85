import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UseOrder } from './use-order.ts';

const MIB = 2 ** 20;

function orderOf(pools: Readonly<Record<string, { readonly mib: number; readonly loadMs: number; readonly usedMs: number }>>): UseOrder {
  const order = new UseOrder();
  for (const [key, { mib, loadMs, usedMs }] of Object.entries(pools)) order.add(key, { bytes: mib * MIB, loadMs, usedMs });
  return order;
}

describe('order of use', () => {
  test('is plain LRU where a reload costs the same for each byte', () => {
    const order = orderOf({ a: { mib: 1, loadMs: 10, usedMs: 1 }, b: { mib: 4, loadMs: 40, usedMs: 2 }, c: { mib: 2, loadMs: 20, usedMs: 3 } });
    order.use([['a', 9], ['b', 5]]);
    assert.deepEqual([...order.leastFirst()], ['c', 'b', 'a']);
  });

  test('gives up what is cheap to load again before what is dear, though used later', () => {
    const order = orderOf({ dear: { mib: 1, loadMs: 1000, usedMs: 1 }, cheap: { mib: 1, loadMs: 10, usedMs: 2 } });
    assert.deepEqual([...order.leastFirst()], ['cheap', 'dear']);
  });

  test('a dear one ages: when enough was given up since its last use, it goes before what was used since', () => {
    const order = orderOf({ dear: { mib: 1, loadMs: 100, usedMs: 1 } });
    for (let round = 2; round < 30; round++) {
      order.add('cheap', { bytes: MIB, loadMs: 40, usedMs: round });
      const [least = ''] = order.leastFirst();
      order.giveUp(least);
      if (least === 'dear') return;
    }
    assert.fail('the dear one was never given up');
  });

  test('what is loaded again without having been used stands where it stood', () => {
    const pool = (usedMs: number) => ({ mib: 1, loadMs: 10, usedMs });
    const order = orderOf({ a: pool(1), b: pool(2), c: pool(3), other: { mib: 1, loadMs: 900, usedMs: 1 } });
    const place = order.take('b');
    assert.deepEqual([...order.leastFirst()], ['a', 'c', 'other']);
    assert.ok(place !== undefined);
    order.putBack('b', place);
    assert.deepEqual([...order.leastFirst()], ['a', 'b', 'c', 'other']);
    order.use([['a', 9]]);
    assert.deepEqual([...order.leastFirst()], ['b', 'c', 'a', 'other']);
  });

  test('what was wanted again and again stays longer than what was used once since', () => {
    const order = orderOf({ often: { mib: 1, loadMs: 10, usedMs: 1 }, once: { mib: 1, loadMs: 10, usedMs: 2 } });
    for (const usedMs of [3, 4, 5]) order.use([['often', usedMs]]);
    order.use([['once', 6]]);
    assert.deepEqual([...order.leastFirst()], ['once', 'often']);
  });

  test('a stamp that is no newer changes nothing, nor does one of a pool that is not there', () => {
    const order = orderOf({ a: { mib: 1, loadMs: 10, usedMs: 5 }, b: { mib: 1, loadMs: 10, usedMs: 6 } });
    order.use([['a', 5], ['b', 0], ['gone', 9]]);
    assert.deepEqual([...order.leastFirst()], ['a', 'b']);
  });

  test('uses count in the order of their stamps, not in that of the report', () => {
    const order = orderOf({ a: { mib: 1, loadMs: 10, usedMs: 1 }, b: { mib: 1, loadMs: 10, usedMs: 2 }, c: { mib: 1, loadMs: 10, usedMs: 3 } });
    order.use([['a', 30], ['b', 10], ['c', 20]]);
    assert.deepEqual([...order.leastFirst()], ['b', 'c', 'a']);
  });

  test('what was removed is not there any more, also when it is removed twice', () => {
    const order = orderOf({ a: { mib: 1, loadMs: 10, usedMs: 1 } });
    order.remove('a');
    order.remove('a');
    assert.deepEqual([...order.leastFirst()], []);
  });
});
