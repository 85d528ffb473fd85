import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { PilotlightError } from '../../runtime/errors.ts';
import { CountingDisk, Crash, crashingDisk, failingDisk, filesUnder, VolatileDisk } from '../../test/support/faulty-disk.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { deployInto, filledBundle, putMissing, temporaryFolder } from '../../test/support/store-fixture.ts';
import { Store } from './store.ts';

const OPTIONS = { versionsKept: 0 };
const V1 = filledBundle('export default 1;');
const V2 = filledBundle('export default 2;');

interface Trial {
  readonly folder: string;
  store: Store | undefined;
  /** Whether the new state was reported as durable. */
  committed: boolean;
}

/** Opens, deploys V2, collects: every operation that a deploy makes on the disk. */
async function deployV2(trial: Trial, disk: CountingDisk): Promise<void> {
  trial.store = await Store.open(trial.folder, { ...OPTIONS, disk, clock: new ManualClock() });
  await deployInto(trial.store, V2);
  trial.committed = true;
  await trial.store.secrets.put('digits', 'API_KEY', 'canary');
  await trial.store.token();
  await trial.store.collect();
}

async function storeWithV1(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  const store = await Store.open(folder, OPTIONS);
  await deployInto(store, V1);
  await store.close();
  return folder;
}

async function trialOf(t: TestContext, original: string): Promise<Trial> {
  const folder = await temporaryFolder(t);
  await cp(original, folder, { recursive: true });
  return { folder, store: undefined, committed: false };
}

/** One whole old or one whole new, and the new one if it was promised. */
async function assertWhole({ folder, committed }: Trial, label: string): Promise<Store> {
  const store = await Store.open(folder, OPTIONS);
  const current = store.state().functions['digits']?.current;
  assert.ok(current === V1.version || current === V2.version, `${label}: nothing is deployed any more`);
  if (committed) assert.equal(current, V2.version, `${label}: a commit was promised and is lost`);
  const stored = await store.readVersion('digits', current);
  const handler = readFileSync(path.join(stored.folder, 'handler.mjs'), 'utf8');
  assert.equal(handler, current === V1.version ? 'export default 1;' : 'export default 2;', label);
  assert.equal(readFileSync(path.join(stored.folder, 'models/digits.onnx'), 'utf8'), 'the model', label);
  assert.deepEqual(filesUnder(path.join(folder, 'staging')), [], `${label}: staging was not swept`);
  return store;
}

async function assertGoesOn(store: Store, label: string): Promise<void> {
  await deployInto(store, V2);
  await store.collect();
  assert.equal(store.state().functions['digits']?.current, V2.version, label);
}

/** Calls `attempt` with 1, 2, 3... until it says that all operations went through. Gives how many there were. */
async function forEachOperation(attempt: (k: number) => Promise<'cut short' | 'done'>): Promise<number> {
  for (let k = 1; ; k += 1) {
    if ((await attempt(k)) === 'done') return k - 1;
  }
}

test('fault 1: a host that is killed at any operation of a deploy finds one whole state again, sweeps and goes on', async (t) => {
  const original = await storeWithV1(t);
  const operations = await forEachOperation(async (k) => {
    const trial = await trialOf(t, original);
    const outcome = await deployV2(trial, crashingDisk(k)).then(() => 'done' as const, (error: unknown) => {
      assert.ok(error instanceof Crash, String(error));
      return 'cut short' as const;
    });
    const store = await assertWhole(trial, `crash at ${k}`);
    await assertGoesOn(store, `crash at ${k}`);
    await rm(trial.folder, { recursive: true });
    return outcome;
  });
  assert.ok(operations > 50, `only ${operations} operations were tried`);
});

test('fault 1, fault 3: a power cut at any operation loses what was not synced, and never a promised commit', async (t) => {
  const original = await storeWithV1(t);
  await forEachOperation(async (k) => {
    const trial = await trialOf(t, original);
    const volatile = new VolatileDisk();
    const outcome = await deployV2(trial, crashingDisk(k, volatile)).then(() => 'done' as const, () => 'cut short' as const);
    volatile.cutPower();
    const store = await assertWhole(trial, `power cut at ${k}`);
    await assertGoesOn(store, `power cut at ${k}`);
    await rm(trial.folder, { recursive: true });
    return outcome;
  });
});

for (const errno of ['ENOSPC', 'EIO', 'EACCES'] as const) {
  test(`fault 2: ${errno} at any operation of a deploy is STORE_FAILED with the path, and the old state stands`, async (t) => {
    const original = await storeWithV1(t);
    await forEachOperation(async (k) => {
      const trial = await trialOf(t, original);
      const label = `${errno} at ${k}`;
      const outcome = await deployV2(trial, failingDisk(k, errno)).then(() => 'done' as const, (error: unknown) => {
        assert.ok(error instanceof PilotlightError, `${label}: ${String(error)}`);
        assert.equal(error.code, 'STORE_FAILED', label);
        assert.ok(error.message.includes(trial.folder) && error.message.includes(errno), `${label}: ${error.message}`);
        assert.ok(!error.message.includes('canary'), label);
        return 'cut short' as const;
      });
      if (outcome === 'cut short' && trial.store !== undefined) await assertUnharmed(trial.store, trial.committed, label);
      const reopened = await assertWhole(trial, label);
      if (!trial.committed) assert.equal(reopened.state().functions['digits']?.current, V1.version, `${label}: a refused commit came back`);
      await rm(trial.folder, { recursive: true });
      return outcome;
    });
  });
}

/** The store that met the failure serves what it served and takes the next deploy. */
async function assertUnharmed(store: Store, committed: boolean, label: string): Promise<void> {
  const current = store.state().functions['digits']?.current;
  assert.equal(current, committed ? V2.version : V1.version, label);
  assert.equal((await store.readVersion('digits', String(current))).version, current, label);
  if (committed) return;
  await store.discard('digits', V2.version);
  await putMissing(store, V2);
}

test('fault 16: a full disk is told with the place and what would do, and what is deployed can still be read', async (t) => {
  const folder = await storeWithV1(t);
  let isFull = false;
  const disk = new CountingDisk(() => {
    if (isFull) throw Object.assign(new Error('injected'), { code: 'ENOSPC' });
  });
  const store = await Store.open(folder, { ...OPTIONS, disk });
  isFull = true;
  await assert.rejects(store.commit(() => ({})), {
    code: 'STORE_FAILED',
    message: /^cannot write \/.*\/staging\/.*: the disk is full; free some space, .* \(ENOSPC\)$/,
  });
  isFull = false;
  assert.equal((await store.readVersion('digits', V1.version)).version, V1.version);
});
