// A GPU that is lost while the host runs, and one that is not there after a restart, on a real host with the real addon, simulated
// devices and the double of NVIDIA's libraries: who ran on it is told so, the host is restarted, and what needs no GPU serves.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { DOUBLE_FLAGS, DoubleScript, doublePlan } from '../support/nvidia-double.ts';
import { RealHost } from '../support/real-host.ts';

const TIME = { timeout: 60_000 };
const GPU = ['--simulated-devices', 'gpu:0=1GiB sm 9.0'];

const folders = new FunctionFolders();
after(() => folders.remove());

interface FunctionReadiness {
  readonly name: string;
  readonly ready: boolean;
  readonly reason?: string;
}

function folderOf(name: string, device: string, script: readonly string[] = []): string {
  return folders.write(name, {
    handler: `export default { async fetch(request, env) { await ${RUN_FAKE}; return new Response('${name}'); } };`,
    manifest: { routes: [`/${name}`], models: { MODEL: { path: 'model.fake', slots: 1, device } } },
    files: { 'model.fake': fakeModel([`# ${name}`, ...script]) },
  });
}

async function answer(host: RealHost, name: string): Promise<{ readonly status: number; readonly code: unknown; readonly retryAfter: string | null }> {
  const response = await host.ask(`/${name}`);
  const text = await response.text();
  return { status: response.status, code: response.ok ? text : (JSON.parse(text) as { code: unknown }).code, retryAfter: response.headers.get('retry-after') };
}

async function readiness(host: RealHost): Promise<Readonly<Record<string, FunctionReadiness>>> {
  const { functions } = await host.view<{ functions: readonly FunctionReadiness[] }>('/v1/functions');
  return Object.fromEntries(functions.map((one) => [one.name, one]));
}

test('fault 35: a device that is lost fails its requests with DEVICE_LOST, the host says so and is restarted, and all is warm again', TIME, async (t) => {
  const host = await RealHost.start({ flags: GPU });
  t.after(() => host.close());
  // Two runs are its warm-up.
  await host.deploy(folderOf('poisoned', 'gpu:0', ['lose-device-run 4 an illegal address']));
  await host.deploy(folderOf('beside', 'gpu:0'));
  await host.deploy(folderOf('elsewhere', 'cpu'));
  assert.equal((await answer(host, 'poisoned')).status, 200);
  const lost = await answer(host, 'poisoned');
  assert.deepEqual([lost.status, lost.code], [503, 'DEVICE_LOST']);
  const event = await host.event('device.lost');
  assert.deepEqual([event['device'], event['reason']], ['gpu:0', 'run 4: an illegal address']);
  assert.match(String((await host.event('host.died'))['msg']), /the host lost the device gpu:0 \(run 4: an illegal address\) and was killed/);
  await host.ready(2);
  for (const name of ['poisoned', 'beside', 'elsewhere']) assert.equal((await answer(host, name)).status, 200);
});

test('fault 36: after a restart without the GPU its functions answer DEVICE_LOST and are told as not ready, and the others serve', TIME, async (t) => {
  const store = mkdtempSync(join(tmpdir(), 'pilotlight-lost-'));
  t.after(() => rmSync(store, { recursive: true, force: true }));
  const before = await RealHost.start({ flags: GPU, store });
  for (const [name, device] of [['on-gpu', 'gpu'], ['on-first', 'gpu:0'], ['anywhere', 'any'], ['on-cpu', 'cpu']] as const) await before.deploy(folderOf(name, device));
  await before.close();
  const host = await RealHost.start({ store });
  t.after(() => host.close());
  for (const name of ['on-gpu', 'on-first']) {
    const lost = await answer(host, name);
    assert.deepEqual([name, lost.status, lost.code], [name, 503, 'DEVICE_LOST']);
  }
  for (const name of ['anywhere', 'on-cpu']) assert.deepEqual(await answer(host, name), { status: 200, code: name, retryAfter: null });
  const found = await readiness(host);
  assert.deepEqual(['on-gpu', 'on-first', 'anywhere', 'on-cpu'].map((name) => found[name]?.ready), [false, false, true, true]);
  assert.match(found['on-gpu']?.reason ?? '', /DEVICE_LOST: on-gpu's model MODEL: the GPU that it ran on is not there any more/);
});

/** A plan that doubles and adds 1; the host's handlers ask it for 1 and 2. */
function planFolder(name: string): string {
  return folders.write(name, {
    handler: `export default { async fetch(request, env) {
      const { y } = await env.MODEL.run({ x: { type: 'float32', shape: [1, 2], data: Float32Array.of(1, 2) } }, { signal: request.signal });
      return Response.json([...y.data]);
    } };`,
    manifest: { routes: [`/${name}`], models: { MODEL: { path: 'm.plan', slots: 2 } } },
    files: { 'm.plan': doublePlan([`# ${name}`]) },
  });
}

test('faults 35 and 36: an illegal address of the driver restarts the host with its plans warm; one that leaves no GPU behind leaves the others serving', TIME, async (t) => {
  const script = new DoubleScript();
  const host = await RealHost.start({ flags: DOUBLE_FLAGS, env: script.env });
  t.after(async () => {
    await host.close();
    script.remove();
  });
  for (const name of ['one', 'two']) await host.deploy(planFolder(name));
  await host.deploy(folderOf('on-cpu', 'cpu'));
  assert.equal((await answer(host, 'one')).code, '[3,5]');
  script.tell('sticky=700');
  assert.deepEqual([(await answer(host, 'one')).code, (await answer(host, 'two')).code], ['DEVICE_LOST', 'DEVICE_LOST']);
  assert.match(String((await host.event('device.lost'))['reason']), /CUDA_ERROR_ILLEGAL_ADDRESS/);
  script.tell('');
  await host.ready(2);
  for (const name of ['one', 'two']) assert.deepEqual([(await answer(host, name)).code, (await readiness(host))[name]?.ready], ['[3,5]', true]);

  script.tell('sticky=214');
  assert.equal((await answer(host, 'two')).code, 'DEVICE_LOST');
  await host.event('device.lost', 2);
  script.tell('gpus=0');
  await host.ready(3);
  assert.deepEqual([(await answer(host, 'one')).code, (await answer(host, 'on-cpu')).code], ['DEVICE_LOST', 'on-cpu']);
  const found = await readiness(host);
  assert.deepEqual(['one', 'two', 'on-cpu'].map((name) => found[name]?.ready), [false, false, true]);
});
