import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { PoolStats } from '../engine/port.ts';
import { LastUsed, readLastUsed } from './last-used.ts';
import type { PoolView } from './residency.ts';

const view = (key: string, state: PoolView['state'], lastUsedMs: number): PoolView =>
  ({ key, state, functions: [], variants: [], device: 'cpu', pinned: false, bytes: 1, stats: { lastUsedMs } as PoolStats });

describe('last used', () => {
  let folder = '';
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'pilotlight-'))));
  after(() => rm(folder, { recursive: true }));

  test('resident pools come back most recently used first, others do not come back', async () => {
    const file = join(folder, 'a.json');
    await new LastUsed(file).remember([view('old', 'resident', 1), view('new', 'resident', 2), view('gone', 'absent', 3)]);
    assert.deepEqual(await readLastUsed(file), ['new', 'old']);
  });

  test('a file that is missing or not ours is as good as none', async () => {
    assert.equal(await readLastUsed(join(folder, 'none.json')), undefined);
    assert.equal(await readLastUsed(folder), undefined);
  });

  test('the file is written again only when the order changed, and a folder that is gone does not reject', async () => {
    const file = join(folder, 'b.json');
    const lastUsed = new LastUsed(file);
    await lastUsed.remember([view('x', 'resident', 1)]);
    await rm(file);
    await lastUsed.remember([view('x', 'resident', 9)]);
    await assert.rejects(readFile(file), { code: 'ENOENT' });
    await new LastUsed(join(folder, 'missing', 'c.json')).remember([view('x', 'resident', 1)]);
  });
});
