import assert from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { loadSockets } from './sockets.ts';
import { lockStore } from './store-lock.ts';

const sockets = loadSockets();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotlight-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the store\'s folder is made for its owner alone, and the lock names its holder', () => {
  const store = join(folder, 'a', 'store');
  const lock = lockStore(store, sockets);
  assert.equal(statSync(store).mode & 0o777, 0o700);
  assert.equal(readFileSync(join(store, 'lock'), 'utf8'), `${process.pid}\n`);
  closeSync(lock);
});

test('fault 55: a second host on one store is refused with the process that has it', () => {
  const lock = lockStore(folder, sockets);
  const message = `the store ${folder} is in use by another host (process ${process.pid}); stop that one, or give this one a store of its own with --store`;
  assert.throws(() => lockStore(folder, sockets), { code: 'STORE_FAILED', message });
  closeSync(lock);
  closeSync(lockStore(folder, sockets));
});

test('fault 55: a lock file that nobody holds any more does not stop a host, whatever it says', () => {
  writeFileSync(join(folder, 'lock'), '1234567890123456789');
  closeSync(lockStore(folder, sockets));
  assert.equal(readFileSync(join(folder, 'lock'), 'utf8'), `${process.pid}\n`);
});

test('fault 55: a store that cannot be written is refused with its path, the reason and what would do', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const refused = (store: string, reason: RegExp): void => assert.throws(() => lockStore(store, sockets), (error: Error & { code: string }) => {
    assert.equal(error.code, 'STORE_FAILED');
    assert.ok(error.message.startsWith(`cannot write in the store ${store}: `), error.message);
    assert.match(error.message, reason);
    assert.match(error.message, /name another folder with --store/);
    return true;
  });
  refused(file, /EEXIST|ENOTDIR/);
  refused(join(file, 'store'), /ENOTDIR/);
  mkdirSync(join(folder, 'odd', 'lock'), { recursive: true });
  refused(join(folder, 'odd'), /directory/i);
  const failing = (code: string) => ({ lockFile: (path: string) => { throw Object.assign(new Error(`open ${path}: ${code}`), { code }); } });
  for (const code of ['EACCES', 'EROFS', 'ENOSPC']) {
    assert.throws(() => lockStore(folder, failing(code)), new RegExp(`cannot write in the store .*${code}`));
  }
});
