import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { sha256, temporaryFolder } from '../../test/support/store-fixture.ts';
import { Store } from './store.ts';

const DIGEST = 'a'.repeat(64);
const OPTIONS = { versionsKept: 10 };

async function storeWithStates(t: TestContext, names: readonly string[]): Promise<{ folder: string; fileOf: (generation: number) => string }> {
  const folder = await temporaryFolder(t);
  const store = await Store.open(folder, OPTIONS);
  for (const name of names) await store.commit(() => ({ [name]: { current: DIGEST, history: [{ version: DIGEST, deployedAt: 'x' }] } }));
  await store.close();
  return { folder, fileOf: (generation) => path.join(folder, 'state', `${String(generation).padStart(12, '0')}.json`) };
}

test('fault 3: a newest state that is torn at any byte is detected and the one before it counts', async (t) => {
  const { folder, fileOf } = await storeWithStates(t, ['one', 'two']);
  const whole = readFileSync(fileOf(2));
  // The line break at the very end carries nothing.
  for (let bytes = 0; bytes < whole.length - 1; bytes += 1) {
    writeFileSync(fileOf(2), whole.subarray(0, bytes));
    const store = await Store.open(folder, OPTIONS);
    assert.deepEqual(Object.keys(store.state().functions), ['one'], `torn after ${bytes} bytes`);
    assert.deepEqual(store.notes, [`${fileOf(2)} is torn; the state before it counts`]);
  }
});

test('fault 3: a state with any bit turned over is detected', async (t) => {
  const { folder, fileOf } = await storeWithStates(t, ['one', 'two']);
  const whole = readFileSync(fileOf(2));
  for (let at = 0; at < whole.length - 1; at += 1) {
    const turned = Buffer.from(whole);
    turned[at] = Number(turned[at]) ^ 4;
    writeFileSync(fileOf(2), turned);
    assert.deepEqual(Object.keys((await Store.open(folder, OPTIONS)).state().functions), ['one'], `bit of byte ${at}`);
  }
});

test('the generation after a torn state is above it', async (t) => {
  const { folder, fileOf } = await storeWithStates(t, ['one', 'two']);
  writeFileSync(fileOf(2), '');
  const store = await Store.open(folder, OPTIONS);
  assert.equal(store.state().generation, 1);
  assert.equal((await store.commit((state) => state.functions)).generation, 3);
});

test('a torn first state is an empty store', async (t) => {
  const { folder, fileOf } = await storeWithStates(t, ['one']);
  writeFileSync(fileOf(1), 'x');
  const store = await Store.open(folder, OPTIONS);
  assert.deepEqual([store.state().generation, store.notes.length], [0, 1]);
});

test('a store none of whose states is whole is refused, not taken for an empty one', async (t) => {
  const { folder, fileOf } = await storeWithStates(t, ['one', 'two']);
  writeFileSync(fileOf(1), 'x');
  writeFileSync(fileOf(2), 'x');
  await assert.rejects(Store.open(folder, OPTIONS), {
    code: 'STORE_FAILED',
    message: `none of the states in ${folder}/state is whole; restore the folder, or move it away and deploy again`,
  });
});

test('a state that a later host wrote is refused, not skipped', async (t) => {
  const { folder, fileOf } = await storeWithStates(t, ['one', 'two']);
  const body = JSON.stringify({ format: 2, generation: 3, functions: {} });
  writeFileSync(fileOf(3), `${sha256(body)}\n${body}\n`);
  await assert.rejects(Store.open(folder, OPTIONS), { code: 'STORE_FAILED', message: /000000000003\.json has the format 2, this host knows 1/ });
  rmSync(fileOf(3));
  assert.equal((await Store.open(folder, OPTIONS)).state().generation, 2);
});

test('files that are no states are left alone', async (t) => {
  const { folder } = await storeWithStates(t, ['one']);
  writeFileSync(path.join(folder, 'state/README.md'), 'mine');
  const store = await Store.open(folder, OPTIONS);
  await store.collect();
  assert.equal(readFileSync(path.join(folder, 'state/README.md'), 'utf8'), 'mine');
});
