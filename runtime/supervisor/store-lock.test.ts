import assert from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { realClock } from '../clock.ts';
import { loadSockets } from './sockets.ts';
import { lockStore } from './store-lock.ts';

const sockets = loadSockets();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotlight-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const options = { sockets, clock: realClock };
const lockOf = (store: string): Promise<number> => lockStore(store, options);

test('the store\'s folder is made for its owner alone, and the lock names its holder', async () => {
  const store = join(folder, 'a', 'store');
  const lock = await lockOf(store);
  assert.equal(statSync(store).mode & 0o777, 0o700);
  assert.equal(readFileSync(join(store, 'lock'), 'utf8'), `${process.pid}\n`);
  closeSync(lock);
});

test('fault 55: a second host on one store is refused with the process that has it', async () => {
  const lock = await lockOf(folder);
  const message = `the store ${folder} is in use by another host (process ${process.pid}); stop that one, or give this one a store of its own with --store`;
  await assert.rejects(lockOf(folder), { code: 'STORE_FAILED', message });
  closeSync(lock);
  closeSync(await lockOf(folder));
});

test('fault 55: a lock file that nobody holds any more does not stop a host, whatever it says', async () => {
  writeFileSync(join(folder, 'lock'), '1234567890123456789');
  closeSync(await lockOf(folder));
  assert.equal(readFileSync(join(folder, 'lock'), 'utf8'), `${process.pid}\n`);
});

test('a host whose supervisor is dead is waited for, since it is dying, but not for ever', async () => {
  const lock = await lockOf(folder);
  // Beyond the largest process id there is.
  writeFileSync(join(folder, 'lock'), '4194305');
  const clock = new ManualClock();
  const waiting = lockStore(folder, { sockets, clock });
  clock.advance(9000);
  closeSync(lock);
  await nextTurn();
  clock.advance(50);
  const second = await waiting;

  writeFileSync(join(folder, 'lock'), '4194305');
  const hopeless = assert.rejects(lockStore(folder, { sockets, clock }), /is in use by another host \(process 4194305\)/);
  for (let waitedMs = 0; waitedMs <= 10_000; waitedMs += 50) {
    await nextTurn();
    clock.advance(50);
  }
  await hopeless;
  closeSync(second);
});

test('fault 55: a store that cannot be written is refused with its path, the reason and what would do', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const refused = (store: string, reason: RegExp): Promise<void> => assert.rejects(lockOf(store), (error: Error & { code: string }) => {
    assert.equal(error.code, 'STORE_FAILED');
    assert.ok(error.message.startsWith(`cannot write in the store ${store}: `), error.message);
    assert.match(error.message, reason);
    assert.match(error.message, /name another folder with --store/);
    return true;
  });
  await refused(file, /EEXIST|ENOTDIR/);
  await refused(join(file, 'store'), /ENOTDIR/);
  mkdirSync(join(folder, 'odd', 'lock'), { recursive: true });
  await refused(join(folder, 'odd'), /directory/i);
  for (const code of ['EACCES', 'EROFS', 'ENOSPC']) {
    const lockFile = (path: string): never => {
      throw Object.assign(new Error(`open ${path}: ${code}`), { code });
    };
    await assert.rejects(lockStore(folder, { ...options, sockets: { lockFile } }), new RegExp(`cannot write in the store .*${code}`));
  }
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
