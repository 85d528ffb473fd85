// Functions that nobody asks for, on a real host: their isolates stop, a restart leaves them be, and their next request brings
// them back, model and all.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { RealHost } from '../support/real-host.ts';

const TIME = { timeout: 120_000 };
const folders = new FunctionFolders();
const store = mkdtempSync(join(tmpdir(), 'pilotlight-idle-'));
const running: RealHost[] = [];
after(async () => {
  for (const host of running) await host.close();
  rmSync(store, { recursive: true, force: true });
  folders.remove();
});

async function start(...flags: readonly string[]): Promise<RealHost> {
  const host = await RealHost.start({ store, flags });
  running.push(host);
  return host;
}

async function stop(host: RealHost): Promise<void> {
  host.kill('SIGTERM');
  assert.equal((await host.ended).exitCode, 0);
}

interface Drawn {
  readonly name: string;
  readonly children: readonly Drawn[];
}

const namesOf = ({ name, children }: Drawn): readonly string[] => [name, ...children.flatMap(namesOf)];

test('a function that was idle starts by its next request, also after a restart; one that was used is warm after it', TIME, async () => {
  const folder = folders.write('sleeper', {
    handler: `export default { async fetch(request, env) { await ${RUN_FAKE}; return new Response('awake'); } };`,
    manifest: { routes: ['/sleeper'], isolates: 1, models: { MODEL: { path: 'model.fake', slots: 1 } } },
    files: { 'model.fake': fakeModel(['# sleeper']) },
  });
  const first = await start('--isolate-idle-ms=200');
  await first.deploy(folder);
  await first.event('isolate.stopped', 2);
  await stop(first);

  const second = await start();
  assert.deepEqual(second.logs.filter(({ event }) => event === 'isolate.started'), []);
  const answer = await second.ask('/sleeper');
  assert.deepEqual([answer.status, await answer.text(), answer.headers.get('pilotlight-start')], [200, 'awake', 'cold']);
  const requestId = answer.headers.get('pilotlight-request-id') ?? '';
  await second.event('request.kept', 1, (line) => line['requestId'] === requestId);
  const { trace } = await second.view<{ readonly trace: { readonly span: Drawn } }>(`/v1/traces/${requestId}`);
  assert.deepEqual(namesOf(trace.span).slice(0, 4), ['GET /sleeper', 'isolate', 'start', 'invoke sleeper']);
  assert.equal((await second.ask('/sleeper')).headers.get('pilotlight-start'), 'warm');
  await stop(second);

  const third = await start();
  assert.equal((await third.event('isolate.started'))['reason'], 'restart');
  assert.equal((await third.ask('/sleeper')).headers.get('pilotlight-start'), 'warm');
  await stop(third);
});
