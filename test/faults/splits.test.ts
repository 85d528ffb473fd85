// Several versions of a function on a real host: under load, through kill -9, and judged by real requests.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { VersionView } from '../../deploy/admin/view-routes.ts';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { RealHost } from '../support/real-host.ts';

const TIME = { timeout: 180_000 };
const folders = new FunctionFolders();
let host: RealHost;
before(async () => { host = await RealHost.start({ flags: ['--restart-wait-ms=120000'] }); }, TIME);
after(async () => {
  await host.close();
  folders.remove();
});

/** Answers `says` after a run of its model; `extra` runs before that. */
function write(name: string, says: string, extra = ''): string {
  return folders.write(name, {
    handler: `export default { async fetch(request, env) { ${extra} await ${RUN_FAKE}; return new Response('${says}'); } };`,
    manifest: { routes: [`GET /${name}`], isolates: 1, models: { MODEL: { path: 'model.fake', slots: 1 } }, warm: [{ request: `GET /${name}`, expect: { text: says } }] },
    files: { 'model.fake': fakeModel([`# ${name} ${says}`]) },
  });
}

async function ask(name: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const answer = await host.ask(`/${name}`, { headers });
  return answer.status === 200 ? await answer.text() : `${answer.status}`;
}

async function versions(name: string): Promise<readonly VersionView[]> {
  return (await host.view<{ versions: readonly VersionView[] }>(`/v1/functions/${name}/versions`)).versions;
}

/** Asks without a pause until `work` has ended; gives how often each answer came. */
async function during(name: string, work: () => Promise<unknown>): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const done = new AbortController();
  const asking = Array.from({ length: 4 }, async () => {
    while (!done.signal.aborted) {
      const answer = await ask(name);
      counts.set(answer, (counts.get(answer) ?? 0) + 1);
    }
  });
  try {
    await work();
  } finally {
    done.abort();
    await Promise.all(asking);
  }
  return counts;
}

const KEYS = Array.from({ length: 40 }, (_, index) => `key-${index}`);
const answersByKey = (name: string): Promise<readonly string[]> => Promise.all(KEYS.map((key) => ask(name, { 'Pilotlight-Key': key })));

test('fault 1: a split survives kill -9 with all its versions, shares and keys', TIME, async () => {
  await host.deploy(write('kept', 'one'));
  await host.deploy(write('kept', 'two'), '--split', '50');
  await host.deploy(write('kept', 'three'), '--split', '0');
  const before = { versions: await versions('kept'), answers: await answersByKey('kept') };
  assert.deepEqual([...new Set(before.answers)].sort(), ['one', 'two']);
  const three = before.versions.find(({ percent }) => percent === 0)?.label ?? '';
  host.killHost();
  await host.ready(2);
  assert.deepEqual({ versions: await versions('kept'), answers: await answersByKey('kept') }, before);
  assert.equal(await ask('kept', { 'Pilotlight-Version': three }), 'three');
});

test('no request is lost while versions join, change their shares and leave', TIME, async () => {
  await host.deploy(write('moving', 'one'));
  const counts = await during('moving', async () => {
    await host.deploy(write('moving', 'two'), '--split', '20');
    const [two, one] = (await versions('moving')).map(({ version }) => version.slice(0, 8));
    assert.equal((await host.here(['split', 'moving', `${one}=50`, `${two}=50`])).code, 0);
    assert.equal((await host.here(['promote', 'moving'])).code, 0);
    assert.equal((await host.here(['rollback', 'moving'])).code, 0);
  });
  assert.deepEqual([...counts.keys()].sort(), ['one', 'two']);
  assert.equal(await ask('moving'), 'one');
});

test('a new version that fails loses its share by itself, and callers then meet the old one alone', TIME, async () => {
  await host.deploy(write('failing', 'one'));
  await host.deploy(write('failing', 'two', `if (!request.headers.has('pilotlight-warmup')) throw new Error('no luck');`), '--split', '30', '--abort-if', 'errors>5%');
  const counts = await during('failing', () => host.event('split.aborted', 1, (line) => line['function'] === 'failing'));
  assert.ok((counts.get('500') ?? 0) >= 20 && (counts.get('one') ?? 0) > 0, JSON.stringify([...counts]));
  for (let count = 0; count < 50; count++) assert.equal(await ask('failing'), 'one');
  const [two] = await versions('failing');
  assert.deepEqual([two?.percent, two?.abortIf], [0, ['errors>5%']]);
  assert.match(two?.aborted ?? '', /^\d+ of \d+ requests failed .*more than errors>5% allows$/);
  assert.equal(await ask('failing', { 'Pilotlight-Version': two?.label ?? '' }), '500');
  const promoted = await host.here(['promote', 'failing']);
  assert.deepEqual([promoted.code, /BAD_REQUEST: .*lost its share/.test(promoted.err)], [1, true]);
});

test('a new version that is much slower than the old one loses its share by itself', TIME, async () => {
  await host.deploy(write('slow', 'one'));
  // Far beyond what a busy machine adds to both.
  await host.deploy(write('slow', 'two', `if (!request.headers.has('pilotlight-warmup')) await new Promise((resolve) => setTimeout(resolve, 2000));`),
    '--split', '10', '--abort-if', 'p99>2x');
  await during('slow', () => host.event('split.aborted', 1, (line) => line['function'] === 'slow'));
  const [two] = await versions('slow');
  assert.equal(two?.percent, 0);
  assert.match(two?.aborted ?? '', /99th percentile .*more than p99>2x allows$/);
});
