import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { readManifest } from './read-manifest.ts';

const TEXT = '{ "name": "a", "main": "h.ts", "routes": ["/a"] }';

async function folderOf(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'manifest-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) await writeFile(path.join(folder, name), content);
  return folder;
}

test('pilotlight.jsonc or pilotlight.json is read', async (t) => {
  for (const name of ['pilotlight.jsonc', 'pilotlight.json']) {
    const folder = await folderOf(t, { [name]: TEXT });
    assert.equal((await readManifest(folder)).file, path.join(folder, name));
  }
});

test('a folder without a manifest, or with two, is refused and named', async (t) => {
  const none = await folderOf(t, {});
  await assert.rejects(readManifest(none), { code: 'BAD_MANIFEST', message: `${none} has no pilotlight.jsonc; a function's folder has one` });
  const two = await folderOf(t, { 'pilotlight.jsonc': TEXT, 'pilotlight.json': TEXT });
  await assert.rejects(readManifest(two), { code: 'BAD_MANIFEST', message: /has both pilotlight\.jsonc and pilotlight\.json; keep one/ });
});

test('a folder that is not there, and a file in its place, are refused', async (t) => {
  const folder = await folderOf(t, { 'pilotlight.jsonc': TEXT });
  await assert.rejects(readManifest(path.join(folder, 'x')), { code: 'BAD_MANIFEST', message: /there is no folder/ });
  await assert.rejects(readManifest(path.join(folder, 'pilotlight.jsonc')), { code: 'BAD_MANIFEST', message: /is not a folder/ });
});

test('fault 12: a manifest of ten megabytes is refused without being parsed, and one that is no UTF-8 says so', async (t) => {
  const large = await folderOf(t, { 'pilotlight.jsonc': Buffer.alloc(10_000_000, ' ') });
  await assert.rejects(readManifest(large), { code: 'BAD_MANIFEST', message: /10000000 bytes/ });
  const utf16 = await folderOf(t, { 'pilotlight.jsonc': Buffer.from(`\ufeff${TEXT}`, 'utf16le') });
  await assert.rejects(readManifest(utf16), { code: 'BAD_MANIFEST', message: /not UTF-8 text/ });
});
