import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryFolder } from '../../test/support/store-fixture.ts';
import { Store } from './store.ts';

async function setUp(t: TestContext, operator: Readonly<Record<string, string>> = {}) {
  const folder = await temporaryFolder(t);
  const secretsDir = path.join(folder, 'operator');
  mkdirSync(path.join(secretsDir, 'digits'), { recursive: true });
  for (const [key, value] of Object.entries(operator)) writeFileSync(path.join(secretsDir, 'digits', key), value);
  const store = await Store.open(path.join(folder, 'store'), { versionsKept: 1, secretsDir });
  return { folder: path.join(folder, 'store'), secretsDir, secrets: store.secrets };
}

test('a secret is kept in a file of mode 0600 in folders of mode 0700', async (t) => {
  const { folder, secrets } = await setUp(t);
  await secrets.put('digits', 'API_KEY', 'line\n');
  const file = path.join(folder, 'secrets/digits/API_KEY');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  for (const place of ['secrets', 'secrets/digits']) assert.equal(statSync(path.join(folder, place)).mode & 0o777, 0o700);
  assert.equal(readFileSync(file, 'utf8'), 'line\n');
  assert.deepEqual({ ...(await secrets.read('digits')) }, { API_KEY: 'line\n' });
});

test('putting a secret again replaces it, deleting it says whether it was there', async (t) => {
  const { secrets } = await setUp(t);
  await secrets.put('digits', 'A', '1');
  await secrets.put('digits', 'A', '2');
  await secrets.put('digits', 'B', '3');
  assert.deepEqual(await secrets.list('digits'), ['A', 'B']);
  assert.equal((await secrets.read('digits'))['A'], '2');
  assert.deepEqual([await secrets.delete('digits', 'A'), await secrets.delete('digits', 'A')], [true, false]);
  assert.deepEqual(await secrets.list('digits'), ['B']);
});

test("a function does not see another one's secrets, and loses its own when it goes", async (t) => {
  const { secrets } = await setUp(t);
  await secrets.put('digits', 'A', '1');
  await secrets.put('langid', 'A', '2');
  await secrets.deleteAll('digits');
  assert.deepEqual([await secrets.list('digits'), await secrets.list('langid')], [[], ['A']]);
});

test("the operator's folder wins, is read as it is now, and its files may be links", async (t) => {
  const { secretsDir, secrets } = await setUp(t, { A: 'theirs\n', '..data': 'x', 'not-a-key': 'x' });
  await secrets.put('digits', 'A', 'own');
  await secrets.put('digits', 'B', 'own');
  assert.deepEqual({ ...(await secrets.read('digits')) }, { A: 'theirs', B: 'own' });
  writeFileSync(path.join(secretsDir, 'real'), 'linked');
  symlinkSync('../real', path.join(secretsDir, 'digits/C'));
  assert.deepEqual({ ...(await secrets.read('digits')) }, { A: 'theirs', B: 'own', C: 'linked' });
  assert.deepEqual(await secrets.list('digits'), ['A', 'B', 'C']);
});

test('names that are paths, and values that are too long, are refused without the value', async (t) => {
  const { secrets } = await setUp(t);
  for (const [name, key] of [['../x', 'A'], ['digits', '../A'], ['digits', 'a'], ['digits', '__proto__'], ['', 'A']] as const) {
    await assert.rejects(secrets.put(name, key, 'canary'), (error: Error & { code?: string }) => error.code === 'BAD_REQUEST' && !error.message.includes('canary'));
  }
  await assert.rejects(secrets.put('digits', 'A', 'canary'.repeat(20_000)), (error: Error) => /120000 bytes/.test(error.message) && !error.message.includes('canary'));
});
