import assert from 'node:assert/strict';
import { link, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspectOnce } from './inspect-once.ts';

describe('inspect once', () => {
  let folder = '';
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'pilotlight-'))));
  after(() => rm(folder, { recursive: true }));

  function counting(fails = 0) {
    const seen: string[] = [];
    const inspect = async (path: string) => {
      seen.push(path);
      if (seen.length <= fails) throw new Error('no model');
      return { inputs: [], outputs: [] };
    };
    return { seen, engine: inspectOnce({ inspect }) };
  }

  test('a file under another name is not read again, a changed one is', async () => {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    await writeFile(a, 'one');
    await link(a, b);
    const { seen, engine } = counting();
    await Promise.all([engine.inspect(a, 'fake'), engine.inspect(b, 'fake')]);
    await engine.inspect(b, 'fake');
    assert.equal(seen.length, 1);
    await writeFile(a, 'longer');
    await engine.inspect(a, 'fake');
    assert.equal(seen.length, 2);
  });

  test('a failure is not remembered', async () => {
    const file = join(folder, 'c');
    await writeFile(file, 'x');
    const { engine } = counting(1);
    await assert.rejects(engine.inspect(file, 'fake'), /no model/);
    assert.deepEqual(await engine.inspect(file, 'fake'), { inputs: [], outputs: [] });
  });
});
