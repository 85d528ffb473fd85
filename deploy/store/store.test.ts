import assert from 'node:assert/strict';
import { readFileSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { CountingDisk, filesUnder } from '../../test/support/faulty-disk.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { chunksOf, deployInto, filledBundle, putMissing, sha256, temporaryFolder } from '../../test/support/store-fixture.ts';
import { realDisk } from './disk.ts';
import { Store } from './store.ts';

const OPTIONS = { versionsKept: 10 };
const V1 = filledBundle('export default 1;');
const V2 = filledBundle('export default 2;');
const CONTENT = Buffer.from('hello, blob');
const DIGEST = sha256(CONTENT);

test('a version holds the files of its bundle in their places', async (t) => {
  const store = await Store.open(await temporaryFolder(t), OPTIONS);
  await putMissing(store, V1);
  const { folder, version, bundle } = await store.addVersion(V1.bundle);
  assert.deepEqual(filesUnder(folder), ['handler.mjs', 'models/digits.onnx', 'samples/1.json']);
  assert.equal(readFileSync(path.join(folder, 'handler.mjs'), 'utf8'), 'export default 1;');
  assert.equal(version, V1.version);
  assert.deepEqual(bundle, V1.bundle);
});

test('a store that is opened again has the state, the versions and the generation', async (t) => {
  const folder = await temporaryFolder(t);
  const before = await Store.open(folder, OPTIONS);
  assert.deepEqual([before.state().generation, Object.keys(before.state().functions)], [0, []]);
  await deployInto(before, V1);
  await deployInto(before, V2);
  await before.close();
  const after = await Store.open(folder, OPTIONS);
  assert.deepEqual(after.state(), before.state());
  assert.equal(after.state().generation, 2);
  const { bundle } = await after.readVersion('digits', V2.version);
  assert.equal(JSON.stringify(bundle), JSON.stringify(V2.bundle));
  assert.deepEqual(after.notes, []);
});

test('fault 8: identical content is the same version, and adding it again writes nothing', async (t) => {
  const disk = new CountingDisk();
  const folder = await temporaryFolder(t);
  const store = await Store.open(folder, { ...OPTIONS, disk });
  await deployInto(store, V1);
  const [filesBefore, inode] = [filesUnder(folder), statSync(path.join(folder, 'versions/digits', V1.version)).ino];
  assert.deepEqual(await store.missing(filledBundle('export default 1;').bundle.files), []);
  assert.equal((await store.addVersion(filledBundle('export default 1;').bundle)).version, V1.version);
  assert.deepEqual(filesUnder(folder), filesBefore);
  assert.equal(statSync(path.join(folder, 'versions/digits', V1.version)).ino, inode);
});

test('only blobs that are not here are missing', async (t) => {
  const store = await Store.open(await temporaryFolder(t), OPTIONS);
  assert.deepEqual(await store.missing(V1.bundle.files), Object.values(V1.bundle.files).map((file) => file.sha256).sort());
  await deployInto(store, V1);
  assert.deepEqual(await store.missing(V2.bundle.files), [sha256('export default 2;')]);
});

test('a version whose blobs were not sent is refused with the path', async (t) => {
  const store = await Store.open(await temporaryFolder(t), OPTIONS);
  await assert.rejects(store.addVersion(V1.bundle), { code: 'BAD_BUNDLE', message: /^handler\.mjs has not been sent: the store has no blob [0-9a-f]{64}/ });
});

test('a version that is not here is NO_VERSION, also when its name is a path', async (t) => {
  const store = await Store.open(await temporaryFolder(t), OPTIONS);
  for (const name of ['digits', '../state', '..']) await assert.rejects(store.readVersion(name, V1.version), { code: 'NO_VERSION' });
  await assert.rejects(store.readVersion('digits', '../../x'), { code: 'NO_VERSION' });
});

test('fault 11: a blob that is longer than declared is stopped at its size and leaves nothing', async (t) => {
  const folder = await temporaryFolder(t);
  const store = await Store.open(folder, OPTIONS);
  let [pulled, wasReturned] = [0, false];
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        pulled += 1;
        yield Buffer.alloc(1024);
      }
    } finally {
      wasReturned = true;
    }
  }
  await assert.rejects(store.putBlob(DIGEST, 10_000, endless()), { code: 'BAD_BUNDLE', message: /longer than its declared 10000 bytes/ });
  assert.deepEqual([pulled, wasReturned], [10, true]);
  assert.deepEqual(filesUnder(folder), []);
});

test('fault 11: a blob that ends early, has another digest or breaks off leaves nothing', async (t) => {
  const folder = await temporaryFolder(t);
  const store = await Store.open(folder, OPTIONS);
  await assert.rejects(store.putBlob(DIGEST, 100, chunksOf(CONTENT)), { code: 'BAD_BUNDLE', message: /ended after 11 of its declared 100 bytes/ });
  await assert.rejects(store.putBlob(sha256('other'), 11, chunksOf(CONTENT)), { code: 'BAD_BUNDLE', message: new RegExp(`has the digest ${DIGEST}`) });
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield CONTENT.subarray(0, 5);
    throw new Error('the caller left');
  }
  await assert.rejects(store.putBlob(DIGEST, 11, broken()), { message: 'the caller left' });
  assert.deepEqual(filesUnder(folder), []);
  assert.deepEqual(await store.missing({ x: { sha256: DIGEST, bytes: 11 } }), [DIGEST]);
});

test('fault 11: a digest or a size that cannot be is refused before anything is read', async (t) => {
  const store = await Store.open(await temporaryFolder(t), OPTIONS);
  for (const [digest, bytes] of [['../../x', 1], ['A'.repeat(64), 1], [DIGEST, -1], [DIGEST, 1.5], [DIGEST, 2 ** 50]] as const) {
    const source = { [Symbol.asyncIterator]: () => assert.fail('was read') };
    await assert.rejects(store.putBlob(digest, bytes, source), { code: 'BAD_BUNDLE' });
  }
});

test('a blob that is here is not read again, and two that come at once are one', async (t) => {
  const folder = await temporaryFolder(t);
  const store = await Store.open(folder, OPTIONS);
  await Promise.all([store.putBlob(DIGEST, 11, chunksOf(CONTENT)), store.putBlob(DIGEST, 11, chunksOf(CONTENT))]);
  await store.putBlob(DIGEST, 11, { [Symbol.asyncIterator]: () => assert.fail('was read') });
  assert.deepEqual(filesUnder(folder), [`blobs/${DIGEST.slice(0, 2)}/${DIGEST}`]);
});

test('commits wait for each other and each sees the newest state', async (t) => {
  const store = await Store.open(await temporaryFolder(t), OPTIONS);
  const names = ['a', 'b', 'c', 'd'];
  const entry = { current: V1.version, history: [{ version: V1.version, deployedAt: 'x' }] };
  await Promise.all(names.map((name) => store.commit(({ functions }) => ({ ...functions, [name]: entry }))));
  assert.deepEqual([Object.keys(store.state().functions), store.state().generation], [names, 4]);
});

test('a commit whose decision throws changes nothing and lets the next one through', async (t) => {
  const store = await Store.open(await temporaryFolder(t), OPTIONS);
  await assert.rejects(store.commit(() => { throw new Error('no'); }), { message: 'no' });
  await deployInto(store, V1);
  assert.equal(store.state().generation, 1);
});

test('the state is frozen', async (t) => {
  const store = await Store.open(await temporaryFolder(t), OPTIONS);
  await deployInto(store, V1);
  assert.ok(Object.isFrozen(store.state().functions['digits']?.history[0]));
});

test('histories keep the newest versions and always the current one', async (t) => {
  const store = await Store.open(await temporaryFolder(t), { versionsKept: 1 });
  const [a, b, c] = ['a', 'b', 'c'].map((letter) => sha256(letter)) as [string, string, string];
  const history = [c, b, c, a].map((version) => ({ version, deployedAt: 'x' }));
  const { functions } = await store.commit(() => ({ digits: { current: a, history } }));
  assert.deepEqual(functions['digits']?.history.map(({ version }) => version), [c, c, a]);
});

test('all versions of a split stay, with their files, beside those that are kept to go back to', async (t) => {
  const [folder, clock] = [await temporaryFolder(t), new ManualClock()];
  const store = await Store.open(folder, { versionsKept: 0, clock });
  await deployInto(store, V1);
  await putMissing(store, V2);
  await store.addVersion(V2.bundle);
  const split = [{ version: V1.version, percent: 100 }, { version: V2.version, percent: 0, abortIf: ['errors>1%'] }];
  const history = [V2, V1].map(({ version }) => ({ version, deployedAt: 'x' }));
  await store.commit(() => ({ digits: { current: V1.version, history, split } }));
  clock.advance(3_600_000);
  await store.collect();
  await store.close();
  const reopened = await Store.open(folder, { versionsKept: 0, clock });
  assert.deepEqual(reopened.state().functions['digits'], { current: V1.version, history, split });
  for (const { version, bundle } of [V1, V2]) {
    assert.deepEqual(await reopened.missing(bundle.files), []);
    assert.equal((await reopened.readVersion('digits', version)).version, version);
  }
});

test('ten versions back can be gone to, whatever came between', async (t) => {
  const store = await Store.open(await temporaryFolder(t), OPTIONS);
  const all = Array.from({ length: 12 }, (_, index) => filledBundle(`export default ${index};`));
  for (const one of all) await deployInto(store, one);
  await store.collect();
  assert.equal(store.state().functions['digits']?.history.length, 11);
  for (const { version } of all.slice(1)) await store.readVersion('digits', version);
  await assert.rejects(store.readVersion('digits', all[0]?.version ?? ''), { code: 'NO_VERSION' });
});

test('collecting removes versions that the state does not name, and their blobs when no deploy wants them any more', async (t) => {
  const [folder, clock] = [await temporaryFolder(t), new ManualClock()];
  const store = await Store.open(folder, { versionsKept: 0, clock });
  await deployInto(store, V1);
  await deployInto(store, V2);
  await store.collect();
  await assert.rejects(store.readVersion('digits', V1.version), { code: 'NO_VERSION' });
  assert.deepEqual(await store.missing({ x: { sha256: sha256('export default 1;'), bytes: 17 } }), []);
  clock.advance(3_600_000);
  await store.collect();
  assert.deepEqual(await store.missing(V1.bundle.files), [sha256('export default 1;')]);
  assert.deepEqual(await store.missing(V2.bundle.files), []);
  assert.equal(readFileSync(path.join((await store.readVersion('digits', V2.version)).folder, 'models/digits.onnx'), 'utf8'), 'the model');
});

test('a kept version that is damaged keeps its own files, is told, and stops nobody else\'s blobs from being collected', async (t) => {
  const [folder, clock] = [await temporaryFolder(t), new ManualClock()];
  const before = await Store.open(folder, { versionsKept: 1, clock });
  const broken = filledBundle('export default 0;', 'letters');
  for (const one of [broken, V1, V2, filledBundle('export default 3;')]) await deployInto(before, one);
  const place = (await before.readVersion('letters', broken.version)).folder;
  truncateSync(path.join(place, 'handler.mjs'), 3);
  await before.close();
  const store = await Store.open(folder, { versionsKept: 1, clock });
  clock.advance(3_600_000);
  assert.deepEqual(await store.collect(), [{ name: 'letters', version: broken.version }]);
  assert.deepEqual(await store.missing(V1.bundle.files), [sha256('export default 1;')]);
  assert.deepEqual(await store.missing(V2.bundle.files), []);
  assert.equal(readFileSync(path.join(place, 'models/digits.onnx'), 'utf8'), 'the model');
  await deployInto(store, broken);
  assert.deepEqual(await store.collect(), []);
  assert.equal(readFileSync(path.join(place, 'handler.mjs'), 'utf8'), 'export default 0;');
});

test('collecting leaves a version alone whose deploy is under way, and takes it when that has failed', async (t) => {
  const [folder, clock] = [await temporaryFolder(t), new ManualClock()];
  const store = await Store.open(folder, { ...OPTIONS, clock });
  await putMissing(store, V1);
  await store.addVersion(V1.bundle);
  clock.advance(7_200_000);
  await store.collect();
  assert.equal((await store.readVersion('digits', V1.version)).version, V1.version);
  assert.deepEqual(await store.missing(V1.bundle.files), []);
  await store.discard('digits', V1.version);
  await assert.rejects(store.readVersion('digits', V1.version), { code: 'NO_VERSION' });
  assert.deepEqual(filesUnder(path.join(folder, 'versions')), []);
});

test('collecting again looks at no version that was looked at before, however many there are', async (t) => {
  const folder = await temporaryFolder(t);
  const before = await Store.open(folder, OPTIONS);
  for (let index = 0; index < 3; index += 1) await deployInto(before, filledBundle(`export default ${index};`, `function-${index}`));
  await before.close();
  const touched: string[] = [];
  const looking = { list: (place: string) => (touched.push(place), realDisk.list(place)), read: (file: string) => (touched.push(file), realDisk.read(file)) };
  const store = await Store.open(folder, { ...OPTIONS, disk: { ...realDisk, ...looking } });
  await store.collect();
  await deployInto(store, filledBundle('export default 4;', 'function-4'));
  touched.length = 0;
  await store.collect();
  assert.deepEqual(touched.filter((place) => !place.endsWith('state')), []);
});

test('discarding leaves a version that the state names', async (t) => {
  const store = await Store.open(await temporaryFolder(t), OPTIONS);
  await deployInto(store, V1);
  await store.addVersion(V1.bundle);
  await store.discard('digits', V1.version);
  assert.equal((await store.readVersion('digits', V1.version)).version, V1.version);
});

test('collecting keeps the last three states', async (t) => {
  const folder = await temporaryFolder(t);
  const store = await Store.open(folder, OPTIONS);
  for (let commit = 0; commit < 5; commit += 1) await store.commit((state) => state.functions);
  await store.collect();
  assert.deepEqual(filesUnder(path.join(folder, 'state')), ['000000000003.json', '000000000004.json', '000000000005.json']);
});

test('a deleted function leaves no version behind', async (t) => {
  const folder = await temporaryFolder(t);
  const store = await Store.open(folder, OPTIONS);
  await deployInto(store, V1);
  await store.commit(() => ({}));
  await store.collect();
  assert.deepEqual(filesUnder(path.join(folder, 'versions')), []);
});

test('a version that was damaged on the disk is told, and deploying again mends it', async (t) => {
  const store = await Store.open(await temporaryFolder(t), OPTIONS);
  await deployInto(store, V1);
  const { folder } = await store.readVersion('digits', V1.version);
  truncateSync(path.join(folder, 'models/digits.onnx'), 3);
  await assert.rejects(store.readVersion('digits', V1.version), { code: 'STORE_FAILED', message: /is not what was stored; deploy digits again/ });
  await deployInto(store, V1);
  assert.equal(readFileSync(path.join((await store.readVersion('digits', V1.version)).folder, 'models/digits.onnx'), 'utf8'), 'the model');
});

test('a bundle.json that was changed, or that a later host wrote, is refused with its path', async (t) => {
  const store = await Store.open(await temporaryFolder(t), OPTIONS);
  await deployInto(store, V1);
  const place = path.dirname((await store.readVersion('digits', V1.version)).folder);
  const replace = (value: unknown) => writeFileSync(path.join(place, 'new.json'), JSON.stringify(value));
  replace({ format: 1, bundle: V2.bundle });
  renameSync(path.join(place, 'new.json'), path.join(place, 'bundle.json'));
  await assert.rejects(store.readVersion('digits', V1.version), { code: 'STORE_FAILED', message: /is not what was stored/ });
  replace({ format: 2, bundle: V1.bundle });
  renameSync(path.join(place, 'new.json'), path.join(place, 'bundle.json'));
  await assert.rejects(store.readVersion('digits', V1.version), { code: 'STORE_FAILED', message: /bundle\.json has the format 2, this host knows 1/ });
});

test('the token is made once, kept with mode 0600 and found again', async (t) => {
  const folder = await temporaryFolder(t);
  const store = await Store.open(folder, OPTIONS);
  const [first, second] = await Promise.all([store.token(), store.token()]);
  assert.match(first, /^[0-9a-f]{64}$/);
  assert.equal(second, first);
  assert.equal(statSync(path.join(folder, 'token')).mode & 0o777, 0o600);
  assert.equal(await (await Store.open(folder, OPTIONS)).token(), first);
});

test('an empty token file is refused with its path', async (t) => {
  const folder = await temporaryFolder(t);
  writeFileSync(path.join(folder, 'token'), '\n');
  const store = await Store.open(folder, OPTIONS);
  await assert.rejects(store.token(), { code: 'STORE_FAILED', message: `${folder}/token holds no token of 16 characters or more; remove it and a new one is made` });
});

test('a store that cannot be made is refused with the exact path', async (t) => {
  const folder = await temporaryFolder(t);
  writeFileSync(path.join(folder, 'file'), '');
  await assert.rejects(Store.open(path.join(folder, 'file/store'), OPTIONS), {
    code: 'STORE_FAILED',
    message: `cannot make the folder ${folder}/file/store: a file stands where a folder must be; move it, or name another folder with --store (ENOTDIR)`,
  });
});

test('a closed store refuses what would change it, and a blob that was coming in ends', async (t) => {
  const store = await Store.open(await temporaryFolder(t), OPTIONS);
  async function* closing(): AsyncGenerator<Uint8Array> {
    yield CONTENT.subarray(0, 5);
    await store.close();
    yield CONTENT.subarray(5);
  }
  await assert.rejects(store.putBlob(DIGEST, 11, closing()), { code: 'DRAINING' });
  await assert.rejects(store.addVersion(V1.bundle), { code: 'DRAINING' });
  await assert.rejects(store.commit((state) => state.functions), { code: 'DRAINING' });
  await store.close();
});
