import assert from 'node:assert/strict';
import { mkdtemp, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFolders } from './make-folders.ts';

test('makes what is missing and gives its top', async () => {
  const root = await mkdtemp(join(tmpdir(), 'folders-'));
  assert.equal(await makeFolders(join(root, 'a', 'b', 'c'), 0o700), join(root, 'a'));
  assert.equal(await makeFolders(join(root, 'a', 'b', 'd'), 0o700), join(root, 'a', 'b', 'd'));
  assert.equal(await makeFolders(join(root, 'a', 'b', 'd'), 0o700), undefined);
  assert.equal((await stat(join(root, 'a', 'b'))).mode & 0o777, 0o700);
  await Promise.all(Array.from({ length: 8 }, () => makeFolders(join(root, 'e', 'f', 'g'), 0o700)));
});

test('rejects where nothing can be made', async () => {
  const root = await mkdtemp(join(tmpdir(), 'folders-'));
  await writeFile(join(root, 'file'), '');
  await assert.rejects(makeFolders(join(root, 'file'), 0o700), { code: 'EEXIST' });
  await assert.rejects(makeFolders(join(root, 'file', 'below'), 0o700), { code: 'ENOTDIR' });
  await assert.rejects(makeFolders('/proc/nothing/here', 0o700), { code: 'ENOENT' });
});
