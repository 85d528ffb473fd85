// Slots and the line before them, on a real host with the real addon: what a caller who waits is told, and what one who leaves,
// is late or reads slowly gives back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { PoolView } from '../../runtime/residency/residency.ts';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { RawConnection } from '../support/raw-http.ts';
import { RealHost } from '../support/real-host.ts';

const TIME = { timeout: 60_000 };

let host: RealHost;
const folders = new FunctionFolders();
before(async () => {
  host = await RealHost.start();
}, TIME);
after(async () => {
  await host.close();
  folders.remove();
});

interface Queue {
  readonly max: number;
  readonly timeoutMs: number;
}

/** One slot. `/NAME/plain` answers after a run, `/NAME/large` with 8 MB. */
async function deploy(name: string, script: readonly string[], { queue = { max: 64, timeoutMs: 10_000 }, limits = {} }: { queue?: Queue; limits?: object } = {}): Promise<void> {
  await host.deploy(folders.write(name, {
    handler: `export default { async fetch(request, env) { await ${RUN_FAKE};
      return new Response(request.url.endsWith('/large') ? new Uint8Array(8_000_000) : '${name}'); } };`,
    manifest: { routes: [`/${name}/:what`], limits, models: { MODEL: { path: 'model.fake', slots: 1, queue } } }, files: { 'model.fake': fakeModel([`# ${name}`, ...script]) },
  }));
}

async function poolOf(name: string): Promise<{ readonly busy: number; readonly waiting: number; readonly runs: number }> {
  const { pools } = await host.view<{ pools: readonly PoolView[] }>('/v1/pools');
  const stats = pools.find(({ functions }) => functions[0]?.startsWith(`${name}@`))?.stats;
  assert.ok(stats !== undefined, `${name} has no pool`);
  return stats;
}

async function until(name: string, wanted: { readonly busy: number; readonly waiting: number }): Promise<void> {
  const untilMs = performance.now() + 10_000;
  for (;;) {
    const { busy, waiting } = await poolOf(name);
    if (busy === wanted.busy && waiting === wanted.waiting) return;
    assert.ok(performance.now() < untilMs, `${busy} busy, ${waiting} waiting`);
  }
}

const problemOf = async (answer: Response): Promise<readonly unknown[]> =>
  [answer.status, (await answer.json() as { code: string }).code, answer.headers.get('retry-after') !== null];

test('more jobs than may wait are 429 QUEUE_FULL at once, one that waits too long is 503 QUEUE_TIMEOUT, both with Retry-After', TIME, async () => {
  await deploy('queue', ['run-ms 1500'], { queue: { max: 1, timeoutMs: 300 } });
  const first = host.ask('/queue/plain');
  await until('queue', { busy: 1, waiting: 0 });
  const second = host.ask('/queue/plain');
  await until('queue', { busy: 1, waiting: 1 });
  assert.deepEqual(await problemOf(await host.ask('/queue/plain')), [429, 'QUEUE_FULL', true]);
  assert.deepEqual(await problemOf(await second), [503, 'QUEUE_TIMEOUT', true]);
  assert.equal((await first).status, 200);
});

test('fault 26: a caller who leaves while his job waits takes it from the line, and it never runs', TIME, async () => {
  await deploy('leaves', ['run-ms 800']);
  const { runs } = await poolOf('leaves');
  const first = host.ask('/leaves/plain');
  await until('leaves', { busy: 1, waiting: 0 });
  const leaving = new AbortController();
  const second = host.ask('/leaves/plain', { signal: leaving.signal });
  await until('leaves', { busy: 1, waiting: 1 });
  leaving.abort();
  await assert.rejects(second, { name: 'AbortError' });
  await until('leaves', { busy: 1, waiting: 0 });
  assert.equal((await first).status, 200);
  assert.equal((await host.ask('/leaves/plain')).status, 200);
  assert.equal((await poolOf('leaves')).runs, runs + 2);
});

test('fault 26: a caller who leaves while his job runs ends the run, and the slot is free', TIME, async () => {
  await deploy('quits', ['run-ms 5']);
  // Golden requests there are none; the warm-up ran twice. The third run hangs until somebody gives it up.
  await deploy('quits', ['run-ms 5', 'hang-run 3']);
  const leaving = new AbortController();
  const hanging = host.ask('/quits/plain', { signal: leaving.signal });
  await until('quits', { busy: 1, waiting: 0 });
  leaving.abort();
  await assert.rejects(hanging, { name: 'AbortError' });
  assert.equal(await (await host.ask('/quits/plain')).text(), 'quits');
});

test('fault 19: a run that does not end is given up at the deadline of its request, and the next one has its slot', TIME, async () => {
  await deploy('hangs', ['hang-run 3'], { limits: { timeoutMs: 400 } });
  assert.deepEqual(await problemOf(await host.ask('/hangs/plain')), [504, 'DEADLINE', true]);
  assert.equal(await (await host.ask('/hangs/plain')).text(), 'hangs');
});

test('fault 27: a reader who stalls holds no slot', TIME, async () => {
  await deploy('stalls', ['run-ms 20']);
  const raw = await RawConnection.open(host.url);
  raw.socket.pause();
  raw.send('GET /stalls/large HTTP/1.1\r\nHost: a\r\n\r\n');
  await until('stalls', { busy: 1, waiting: 0 });
  await until('stalls', { busy: 0, waiting: 0 });
  assert.equal(await (await host.ask('/stalls/plain')).text(), 'stalls');
  const { functions } = await host.view<{ functions: readonly { name: string; inFlight: number }[] }>('/v1/functions');
  assert.equal(functions.find(({ name }) => name === 'stalls')?.inFlight, 1, 'the stalled answer is still on its way');
  raw.destroy();
});

test('fault 18: a handler that loops while it holds a run gives the slot back with its isolate', TIME, async () => {
  await host.deploy(folders.write('loops', {
    handler: `export default { async fetch(request, env) {
      if (!request.url.endsWith('/loop')) { await ${RUN_FAKE}; return new Response('loops'); }
      void ${RUN_FAKE}; for (;;); } };`,
    manifest: { routes: ['/loops/:what'], isolates: 1, limits: { timeoutMs: 400 }, models: { MODEL: { path: 'model.fake', slots: 1 } } },
    files: { 'model.fake': fakeModel(['# loops', 'run-ms 50']) },
  }));
  assert.deepEqual(await problemOf(await host.ask('/loops/loop')), [504, 'DEADLINE', true]);
  await host.event('isolate.started', 1, (line) => line['function'] === 'loops' && line['reason'] === 'replace');
  assert.equal(await (await host.ask('/loops/plain')).text(), 'loops');
  await until('loops', { busy: 0, waiting: 0 });
});

test('an engine that fails a run is a 500 ENGINE_FAILED, and the next run is none the worse', TIME, async () => {
  await deploy('fails', ['fail-run 3 the kernel failed']);
  const failed = await host.ask('/fails/plain');
  assert.deepEqual(await problemOf(failed), [500, 'ENGINE_FAILED', false]);
  assert.equal(await (await host.ask('/fails/plain')).text(), 'fails');
});
