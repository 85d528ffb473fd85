import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PlacementBook } from './placement-book.ts';

const folder = mkdtempSync(join(tmpdir(), 'pilotlight-book-'));
after(() => rmSync(folder, { recursive: true }));

const MODEL = { model: 'abc', backend: 'fake', device: 'gpu:0' } as const;
const MEMORY = { weightsBytes: 10, scratchBytes: 7, stagingBytes: 1, graphsBytes: 1 };

test('places and sizes come back after a restart', async () => {
  const file = join(folder, 'book.json');
  const book = await PlacementBook.open(file, 'cpu=1GiB');
  book.put('one', { device: 'gpu:1', slots: 3 });
  book.put('two', { device: 'cpu', slots: 1 });
  book.forget('two');
  book.measured(MODEL, 4, MEMORY);
  await book.write();
  const again = await PlacementBook.open(file, 'cpu=1GiB');
  assert.deepEqual([again.placeOf('one'), again.placeOf('two'), again.placeOf('three')], [{ device: 'gpu:1', slots: 3 }, undefined, undefined]);
  assert.deepEqual(again.sizeOf(MODEL), { weightsBytes: 10, slotBytes: 3 });
  assert.deepEqual(again.sizeOf({ ...MODEL, device: 'gpu:1' }), again.sizeOf(MODEL), 'what one GPU holds another does too');
  assert.equal(again.sizeOf({ ...MODEL, device: 'cpu' }), undefined);
});

test('with another setting of devices all is placed anew, and what models hold is still known', async () => {
  const file = join(folder, 'changed.json');
  const book = await PlacementBook.open(file, 'cpu=1GiB');
  book.put('one', { device: 'gpu:1', slots: 3 });
  book.measured(MODEL, 1, MEMORY);
  await book.write();
  const again = await PlacementBook.open(file, 'cpu=2GiB');
  assert.equal(again.placeOf('one'), undefined);
  assert.ok(again.sizeOf(MODEL));
});

for (const text of ['', '{', '[]', '{"devices":""}', '{"devices":"","places":{"one":{"device":"tpu:0","slots":1}},"sizes":{}}', '{"devices":"","places":{},"sizes":{"x":{"weightsBytes":"1"}}}']) {
  test(`a file that says "${text}" is begun anew`, async () => {
    const file = join(folder, 'broken.json');
    writeFileSync(file, text);
    const book = await PlacementBook.open(file);
    assert.equal(book.placeOf('one'), undefined);
    book.put('one', { device: 'cpu', slots: 2 });
    await book.write();
    assert.deepEqual((await PlacementBook.open(file)).placeOf('one'), { device: 'cpu', slots: 2 });
  });
}
