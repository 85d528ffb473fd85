// Pools that go bad while they are loaded, on a real host with the real addon: an idle one is found by its check, a busy one by
// its failures; both are loaded again, and callers meet a model that works.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { PoolView } from '../../runtime/residency/residency.ts';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { sumOf } from '../support/metrics-text.ts';
import { RealHost } from '../support/real-host.ts';

const TIME = { timeout: 60_000 };
const HOUR = '3600000';

const folders = new FunctionFolders();
after(() => folders.remove());

async function deploy(host: RealHost, name: string, script: readonly string[]): Promise<void> {
  await host.deploy(folders.write(name, {
    handler: `export default { async fetch(request, env) { await ${RUN_FAKE}; return new Response('${name}'); } };`,
    manifest: { models: { MODEL: { path: 'model.fake', slots: 1 } } },
    files: { 'model.fake': fakeModel([`# ${name}`, ...script]) },
  }));
}

test('a pool whose answers turn wrong while nobody uses it is found and loaded again, and that is no traffic', TIME, async (t) => {
  const host = await RealHost.start({ flags: ['--pool-check-every-ms=50'] });
  t.after(() => host.close());
  // Two runs are its warm-up, the third is a check that goes well.
  await deploy(host, 'wrong', ['nan-run 4', 'nan-run 5']);
  const repaired = await host.event('pool.repaired');
  assert.deepEqual([repaired['function'], repaired['reason'], repaired['fault'], repaired['outcome']], ['wrong', 'wrong', 'output y is NaN at element 0', 'rebuilt']);
  const loaded = await host.event('pool.loaded', 1, ({ reason }) => reason === 'repair');
  assert.equal(loaded['loadId'], repaired['loadId']);
  const metrics = await host.metrics();
  assert.ok(sumOf(metrics, 'pilotlight_pool_repairs_total', 'pilotlight_reason="wrong"') >= 1);
  assert.equal(sumOf(metrics, 'pilotlight_pool_hit_total'), 0);
  const { pools } = await host.view<{ pools: readonly PoolView[] }>('/v1/pools');
  assert.deepEqual([pools[0]?.stats?.runs, pools[0]?.stats?.lastUsedMs], [0, 0]);
});

test('a pool whose jobs all fail is tried at once and loaded again', TIME, async (t) => {
  const host = await RealHost.start({ flags: [`--pool-check-every-ms=${HOUR}`] });
  t.after(() => host.close());
  await deploy(host, 'broken', Array.from({ length: 5 }, (_, index) => `fail-run ${index + 3} the kernel failed`));
  for (let run = 0; run < 3; run++) assert.equal((await host.ask('/broken')).status, 500);
  const repaired = await host.event('pool.repaired');
  assert.deepEqual([repaired['function'], repaired['reason'], repaired['outcome']], ['broken', 'failed', 'rebuilt']);
});
