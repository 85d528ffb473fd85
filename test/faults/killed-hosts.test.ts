// The host process killed for good, by real signals, at each step of a deploy and while it serves: what callers meet meanwhile
// and what the next host process makes of the store.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { RealHost } from '../support/real-host.ts';
import { askOnce, Load } from '../support/short-requests.ts';

const TIME = { timeout: 180_000 };
const folders = new FunctionFolders();
const running: RealHost[] = [];
after(async () => {
  for (const host of running) await host.close();
  folders.remove();
});

/** However slow the machine, connections wait for the next host: the supervisor's own 503 is tested apart. */
async function start(): Promise<RealHost> {
  const host = await RealHost.start({ flags: ['--restart-wait-ms=120000'] });
  running.push(host);
  return host;
}

interface FunctionSource {
  readonly says: string;
  readonly route: string;
  readonly script?: readonly string[];
}

/** Answers `says` after a run of its model; slow enough in golden requests for each step of a deploy to last. */
function write(name: string, { says, route, script = [] }: FunctionSource): string {
  return folders.write(name, {
    handler: `export default { async fetch(request, env) {
      if (request.headers.has('pilotlight-warmup')) await new Promise((resolve) => setTimeout(resolve, 20));
      await ${RUN_FAKE}; return new Response('${says}'); } };`,
    manifest: { routes: [route], isolates: 1, models: { MODEL: { path: 'model.fake', slots: 1 } }, warm: [{ request: `GET ${route}`, expect: { text: says } }] },
    files: { 'model.fake': fakeModel([`# ${says}`, ...script]) },
  });
}

/** Deploys, and kills the host as soon as the command says that this step has ended, so within the next one. */
async function deployUntil(host: RealHost, folder: string, step: string): Promise<void> {
  let state: 'alive' | 'killed' = 'alive';
  const { code, err } = await host.cli(['deploy', folder], {
    onErr: (text) => {
      if (state === 'killed' || !text.includes(`: ${step}: `)) return;
      state = 'killed';
      host.killHost();
    },
  });
  assert.equal(state, 'killed', `the deploy never came to ${step}`);
  // After the last steps the command may have heard the end already.
  if (code !== 0) assert.match(err, /\nerror: (no host answers at|http:\S+ stopped telling before the end) .*\n$/);
}

const versionFolders = (host: RealHost, name: string): readonly string[] => readdirSync(join(host.store, 'versions', name)).sort();

/** More deaths in a row of one supervisor's hosts would wait longer and longer. */
const KILLS_EACH = 3;
const STEPS = ['bundle', 'upload', 'check', 'store', 'plan', 'load', 'warm', 'isolates', 'golden', 'commit', 'switch', 'drain', 'unload'];
const rounds = Array.from({ length: Math.ceil(STEPS.length / KILLS_EACH) }, (_, round) => STEPS.slice(round * KILLS_EACH, (round + 1) * KILLS_EACH));

for (const [round, steps] of rounds.entries()) {
  test(`fault 1: killed after ${steps.join(', after ')}, the restarted host serves old or new, never none, and the deploy can be repeated`, TIME, async () => {
    const host = await start();
    await host.deploy(write('root', { says: `old ${round}`, route: '/' }));
    let old = `old ${round}`;
    using load = new Load(host.port, 2);
    for (const [index, step] of steps.entries()) {
      const says = `new ${round} ${index}`;
      const folder = write('root', { says, route: '/', script: ['load-ms 50'] });
      await deployUntil(host, folder, step);
      await host.ready(index + 2);
      const served = (await askOnce(host.port)).body;
      assert.ok([old, says].includes(served), `${served} is neither ${old} nor ${says}`);
      assert.deepEqual(readdirSync(join(host.store, 'staging')), []);
      const { versions } = await host.view<{ versions: readonly { version: string; current: boolean }[] }>('/v1/functions/root/versions');
      assert.equal(versions.filter(({ current }) => current).length, 1);
      await host.deploy(folder);
      assert.equal((await askOnce(host.port)).body, says);
      const kept = await host.view<{ versions: readonly { version: string }[] }>('/v1/functions/root/versions');
      assert.deepEqual(versionFolders(host, 'root'), kept.versions.map(({ version }) => version).sort(), 'nothing of broken-off deploys is left');
      old = says;
    }
    const results = [...(await load.stop()).keys()];
    assert.deepEqual(results.filter((result) => result !== 200 && result !== 'ECONNRESET'), [], 'no connection is refused, no request that arrives fails');
  });
}

test('fault 21: kill -9 of a serving host refuses nobody, and it is ready when what was used last is warm, latest first', TIME, async () => {
  const host = await start();
  const names = ['root', 'second', 'third', 'unused'];
  for (const name of names) {
    const route = name === 'root' ? '/' : `/${name}`;
    await host.deploy(write(name, { says: name, route, script: ['load-ms 300'] }), ...(name === 'unused' ? ['--no-warm'] : []));
  }
  for (const path of ['/third', '/', '/second']) assert.equal((await askOnce(host.port, path)).result, 200);
  await lastUsed(host, ['second', 'root', 'third']);
  using load = new Load(host.port, 4);
  await load.answers('root', 20);
  const deadPid = host.logs.find(({ event, port }) => event === 'host.ready' && port !== undefined)?.pid;
  host.killHost();
  await load.answers('root', 20);
  const answeredEarly = (await askOnce(Number(new URL(host.adminUrl).port), '/readyz')).result;
  await host.ready(2);
  const counts = await load.stop();
  assert.equal((await askOnce(Number(new URL(host.adminUrl).port), '/readyz')).result, 200);
  assert.deepEqual([...counts.keys()].filter((result) => result !== 200 && result !== 'ECONNRESET'), []);
  assert.ok((counts.get('ECONNRESET') ?? 0) <= 4, 'only what was in flight is lost');
  assert.equal(answeredEarly, 503, 'functions answer before everything is warm, readyz says so');
  const loaded = host.logs.filter(({ event, reason, pid }) => event === 'pool.loaded' && pid !== deadPid && reason !== 'deploy');
  assert.deepEqual(loaded.map((line) => line['function']).filter((name) => name !== 'root'), ['second', 'third']);
  assert.ok(!loaded.some((line) => line['function'] === 'unused'), 'what was not resident before waits for its first request');
  for (const path of ['/', '/second', '/third']) assert.equal((await host.ask(path)).headers.get('pilotlight-start'), 'warm', path);
  assert.equal((await host.ask('/unused')).headers.get('pilotlight-start'), 'cold');
});

test('fault 21: a crash in native code ends the host process only, and the log names what ran', TIME, async () => {
  const host = await start();
  await host.deploy(write('root', { says: 'root', route: '/' }));
  // More runs than the warm-up and the golden requests of two isolates can be.
  await host.deploy(write('crashes', { says: 'crashes', route: '/crashes', script: ['run-ms 5', 'crash-run 300'] }));
  using load = new Load(host.port, 2);
  const results: (number | string)[] = [];
  do results.push((await askOnce(host.port, '/crashes')).result); while (results.at(-1) === 200 && results.length < 400);
  assert.equal(results.at(-1), 'ECONNRESET');
  assert.match(String((await host.event('host.died'))['msg']), /the host was killed by SIGABRT in a model of crashes@\w+; it is started again at once/);
  await host.ready(2);
  await load.answers('root', 10);
  assert.equal((await askOnce(host.port, '/crashes')).result, 200);
  assert.deepEqual([...(await load.stop()).keys()].filter((result) => result !== 200 && result !== 'ECONNRESET'), []);
});

test('fault 21: a model that ends the process in its load does so once for each request, not at each restart, and the third time it is quarantined', TIME, async () => {
  const host = await start();
  await host.deploy(write('root', { says: 'root', route: '/' }));
  // Not loaded by its deploy, and first of all by each restart.
  const crashes = (script: readonly string[]): string => folders.write('crashes', {
    handler: `export default { async fetch(request, env) { await ${RUN_FAKE}; return new Response('crashes'); } };`,
    manifest: { isolates: 1, models: { MODEL: { path: 'model.fake', slots: 1, residency: 'pinned' } } }, files: { 'model.fake': fakeModel(script) },
  });
  await host.deploy(crashes(['crash-load']), '--no-warm');
  using load = new Load(host.port, 1);
  for (let death = 1; death <= 3; death++) {
    await load.answers('root', 10);
    assert.equal((await askOnce(host.port, '/crashes')).result, 'ECONNRESET');
    assert.match(String((await host.event('host.died', death))['msg']), /the host was killed by SIGABRT in a model of crashes@[0-9a-f]{8}( \(death . in a row\))?; /);
    await host.ready(death + 1);
  }
  assert.match(String((await host.event('function.quarantined'))['version']), /^crashes@/);
  const refused = await host.ask('/crashes');
  assert.deepEqual([refused.status, refused.headers.get('retry-after'), (await refused.json() as { code: string }).code], [503, '60', 'QUARANTINED']);
  await load.answers('root', 10);
  assert.match(await host.must(['functions']), /crashes@\w+ +quarantined/);
  assert.match(await host.must(['versions', 'crashes']), /current, quarantined/);
  assert.match(await host.must(['doctor']), /crashes@\w+ is quarantined: it was at work in each of the last 3 deaths of the host/);
  // It lasts, also when the host dies of something else.
  host.killHost();
  await host.ready(5);
  assert.equal((await askOnce(host.port, '/crashes')).result, 503);
  await host.deploy(crashes([]));
  assert.equal((await askOnce(host.port, '/crashes')).body, 'crashes');
  assert.match(await host.must(['functions']), /crashes@\w+ +serving/);
  assert.equal(host.logs.filter(({ event }) => event === 'host.died').length, 4, 'no death but those that were asked for');
});

test('fault 21: a run that ends the process at once is named, and the busy function beside it never is', TIME, async () => {
  const host = await start();
  await host.deploy(write('root', { says: 'root', route: '/' }));
  await host.deploy(folders.write('sudden', {
    handler: `export default { async fetch(request, env) { await ${RUN_FAKE}; return new Response('sudden'); } };`,
    // The warm-up runs twice.
    manifest: { isolates: 1, models: { MODEL: { path: 'model.fake', slots: 1 } } }, files: { 'model.fake': fakeModel(['crash-run 3']) },
  }));
  using load = new Load(host.port, 4);
  for (let death = 1; death <= 3; death++) {
    await load.answers('root', 50);
    assert.equal((await askOnce(host.port, '/sudden')).result, 'ECONNRESET');
    assert.match(String((await host.event('host.died', death))['msg']), /the host was killed by SIGABRT in a model of sudden@\w+( \(death . in a row\))?; it is started again/);
    await host.ready(death + 1);
  }
  assert.equal((await askOnce(host.port, '/sudden')).result, 503);
  assert.deepEqual(host.logs.filter(({ event }) => event === 'function.quarantined').map((line) => String(line['version']).split('@')[0]), ['sudden']);
  await load.answers('root', 10);
});

test('a load that hangs fails its deploy at the limit, and the host is replaced because the thread cannot be stopped', TIME, async () => {
  const host = await start();
  await host.deploy(write('root', { says: 'root', route: '/' }));
  const { code, err } = await host.cli(['deploy', folders.write('hangs', {
    manifest: { limits: { initTimeoutMs: 1000 }, models: { MODEL: { path: 'model.fake', slots: 1 } } }, files: { 'model.fake': fakeModel(['hang-load']) },
  })]);
  assert.equal(code, 1);
  assert.match(err, /(LOAD|WARMUP)_FAILED: .*\bhangs\b.*\b(9\d\d|1000) ms/);
  using load = new Load(host.port, 2);
  await load.answers('root', 10);
  const died = await host.event('host.died');
  assert.match(String(died['msg']), /the host could not load the model of hangs@\w+: it had not ended 15000 ms after its limit of (9\d\d|1000) ms.* and was killed while preparing hangs@\w+/);
  await host.ready(2);
  await load.answers('root', 10);
});

/** Waits until the host has written down these pools as used last, the latest first. */
async function lastUsed(host: RealHost, names: readonly string[]): Promise<void> {
  const { pools } = await host.view<{ pools: readonly { key: string; functions: readonly string[] }[] }>('/v1/pools');
  const wanted = names.map((name) => pools.find(({ functions }) => functions.some((id) => id.startsWith(`${name}@`)))?.key);
  const untilMs = performance.now() + 20_000;
  const file = join(host.store, 'last-used.json');
  const read = (): string => (existsSync(file) ? readFileSync(file, 'utf8') : 'nothing');
  while (read() !== JSON.stringify(wanted)) {
    assert.ok(performance.now() < untilMs, `${read()} is not ${JSON.stringify(wanted)}`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}
