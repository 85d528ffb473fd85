import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { PoolCosts } from './pool-costs.ts';
import { PoolResidency } from './residency.ts';

const MIB = 2 ** 20;

describe('what pools cost', () => {
  let folder = '';
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'pilotlight-'))));
  after(() => rm(folder, { recursive: true }));

  test('is known again after a restart', async () => {
    const file = join(folder, 'a.json');
    const costs = await PoolCosts.open(file);
    costs.learn('a', { bytes: 7 });
    costs.learn('a', { loadMs: 20 });
    await costs.save();
    assert.deepEqual((await PoolCosts.open(file)).of('a'), { bytes: 7, loadMs: 20 });
  });

  test('a file that is missing, torn or not ours is as good as none, in part or whole', async () => {
    assert.equal((await PoolCosts.open(join(folder, 'none.json'))).of('a'), undefined);
    const file = join(folder, 'b.json');
    await writeFile(file, '[["a",{"bytes":1');
    assert.equal((await PoolCosts.open(file)).of('a'), undefined);
    await writeFile(file, '[["a",{"bytes":-1,"loadMs":1}],["b",{"bytes":1,"loadMs":2}],["c",{"bytes":"1"}],7,null]');
    const costs = await PoolCosts.open(file);
    assert.deepEqual(['a', 'b', 'c'].map((key) => costs.of(key)?.bytes), [undefined, 1, undefined]);
  });

  test('is written only when it changed, bounded, and a folder that is gone does not reject', async () => {
    const file = join(folder, 'c.json');
    const costs = new PoolCosts(file);
    for (let index = 0; index < 5000; index++) costs.learn(`p${index}`, { bytes: index });
    await costs.save();
    assert.equal((JSON.parse(await readFile(file, 'utf8')) as unknown[]).length, 4096);
    assert.deepEqual([costs.of('p0'), costs.of('p4999')?.bytes], [undefined, 4999]);
    await rm(file);
    await costs.save();
    await assert.rejects(readFile(file), { code: 'ENOENT' });
    const homeless = new PoolCosts(join(folder, 'missing', 'd.json'));
    homeless.learn('a', { bytes: 1 });
    await homeless.save();
  });

  test('the first reservation after a restart is what was measured before it, not what the file lets expect', async () => {
    const costs = new PoolCosts();
    const start = () => {
      const engine = new FakeEngine();
      engine.weightsOf = () => 3 * MIB;
      const residency = new PoolResidency({
        engine, clock: new ManualClock(), loadWaitersMax: 1, loadTimeoutMs: 1000, residencyMinMs: 0, devices: [{ device: 'cpu', budgetBytes: 9 * MIB }], costs,
        onLoad: () => {},
      });
      const spec = { key: 'a', backend: 'fake', path: '/a.fake', device: 'cpu', slots: 1, threads: 1, queue: { max: 1, timeoutMs: 1 } } as const;
      residency.declare('a@1', [{ spec, function: 'a', binding: 'M', residency: 'lru', bytes: MIB, warm: { id: 'zeros', runs: 2, samples: async () => [] } }]);
      let reserved = 0;
      engine.onLoad = () => (reserved = residency.devices()[0]?.reservedBytes ?? 0);
      return { load: () => residency.ensure('a', { reason: 'request', function: 'a', binding: 'M' }), reserved: () => reserved / MIB };
    };
    const [first, second] = [start(), start()];
    await first.load();
    await second.load();
    assert.deepEqual([first.reserved(), second.reserved()], [1, 3]);
  });
});
