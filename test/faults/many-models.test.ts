// More models than fit, on a real host with the real addon and a budget of 20 MiB: all answer, the budget holds, what is
// pinned stays, and what can never fit is refused before anything is changed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { DeviceView } from '../../deploy/admin/view-routes.ts';
import type { PoolView } from '../../runtime/residency/residency.ts';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { RealHost } from '../support/real-host.ts';

const TIME = { timeout: 60_000 };
const MIB = 2 ** 20;

let host: RealHost;
const folders = new FunctionFolders();
before(async () => {
  host = await RealHost.start({ flags: ['--devices', 'cpu=20MiB', '--residency-min-ms', '0'] });
}, TIME);
after(async () => {
  await host.close();
  folders.remove();
});

function folderOf(name: string, { mib, slots = 1, residency = 'lru' }: { readonly mib: number; readonly slots?: number; readonly residency?: 'lru' | 'pinned' }): string {
  return folders.write(name, {
    handler: `export default { async fetch(request, env) { await ${RUN_FAKE}; return new Response('${name}'); } };`,
    manifest: { routes: [`/${name}`], models: { MODEL: { path: 'model.fake', slots, residency } } },
    files: { 'model.fake': fakeModel([`# ${name}`, `weights-bytes ${mib * MIB}`]) },
  });
}

async function resident(): Promise<readonly string[]> {
  const { pools } = await host.view<{ pools: readonly PoolView[] }>('/v1/pools');
  return pools.filter(({ state }) => state === 'resident').map(({ functions }) => functions[0]?.split('@')[0] ?? '').sort();
}

async function device(): Promise<DeviceView> {
  const { devices } = await host.view<{ devices: readonly [DeviceView] }>('/v1/devices');
  return devices[0];
}

test('fault 33: four models of 8 MiB take turns: each answers, cold when another has its room, and never do more than fit stay', TIME, async () => {
  const names = ['one', 'two', 'three', 'four'];
  for (const name of names) await host.deploy(folderOf(name, { mib: 8 }));
  for (const name of [...names, ...names]) {
    const answer = await host.ask(`/${name}`);
    assert.deepEqual([answer.status, await answer.text()], [200, name]);
    const { budgetBytes, freeBytes, weightsBytes } = await device();
    assert.ok(freeBytes >= 0 && weightsBytes <= budgetBytes, `${freeBytes} free, ${weightsBytes} of ${budgetBytes}`);
  }
  // Which those are depends on how long each took to load.
  const here = await resident();
  assert.equal(here.length, 2);
  assert.equal((await host.ask(`/${here[0]}`)).headers.get('pilotlight-start'), 'warm');
  const away = names.find((name) => !here.includes(name));
  assert.equal((await host.ask(`/${away}`)).headers.get('pilotlight-start'), 'cold');
  const { err, code } = await host.cli(['deploy', folderOf('one', { mib: 8 })]);
  assert.equal(code, 0, err);
});

test('a pinned model stays while the others take turns in what is left', TIME, async () => {
  await host.deploy(folderOf('pinned', { mib: 8, residency: 'pinned' }));
  for (const name of ['one', 'two', 'three', 'four']) assert.equal((await host.ask(`/${name}`)).status, 200);
  assert.equal((await host.ask('/pinned')).headers.get('pilotlight-start'), 'warm');
  const here = await resident();
  assert.deepEqual([here.length, here.includes('pinned')], [2, true]);
});

test('fault 32: a model that is expected not to fit is refused with NEVER_FITS before it is read; one that turns out so, when it is loaded; nothing is left of either', TIME, async () => {
  const before = [await resident(), (await device()).freeBytes];
  const planned = await host.cli(['deploy', folderOf('wide', { mib: 1, slots: 30 })]);
  assert.equal(planned.code, 1);
  assert.match(planned.err, /NEVER_FITS/);
  assert.match(planned.err, /MODEL needs 30\.0 MiB and may have 12\.0 MiB/);
  const loaded = await host.cli(['deploy', folderOf('heavy', { mib: 40 })]);
  assert.equal(loaded.code, 1);
  assert.match(loaded.err, /NEVER_FITS.*heavy's model MODEL needs 40\.\d MiB on cpu, which has a budget of 20\.0 MiB/s);
  assert.deepEqual((await host.ask('/wide')).status, 404);
  assert.deepEqual((await host.ask('/heavy')).status, 404);
  assert.ok((await device()).freeBytes >= (before[1] as number));
  assert.equal((await host.ask('/pinned')).headers.get('pilotlight-start'), 'warm');
});

test('deploy --plan says what would give way, and changes nothing', TIME, async () => {
  for (const name of ['one', 'two']) await host.ask(`/${name}`);
  const before = await resident();
  const { out, code } = await host.cli(['deploy', folderOf('five', { mib: 1, slots: 9 }), '--plan']);
  assert.equal(code, 0);
  assert.match(out, /fit\s+evict: old and new side by side, in the room of .*'s model MODEL/);
  assert.deepEqual(await resident(), before);
});
