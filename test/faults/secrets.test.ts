// Secrets and the admin API's door on a real host: a value that goes in and is seen by handlers alone, a token without which
// nothing changes.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FunctionFolders } from '../support/function-folder.ts';
import { RealHost, type CliEnd } from '../support/real-host.ts';

const TIME = { timeout: 60_000 };
const CANARY = 'canary-7f3e1a9b';

let host: RealHost;
const folders = new FunctionFolders();
before(async () => {
  host = await RealHost.start({ flags: ['--log-level=trace'] });
}, TIME);
after(async () => {
  await host.close();
  folders.remove();
});

/** Answers whether it sees the right value, fails when it is asked to. */
function write(edition: number): string {
  return folders.write('keeper', {
    handler: `export const edition = ${edition};
      export default { fetch(request, env) {
        if (request.url.endsWith('/throws')) throw new Error('no luck');
        return new Response([...env.API_KEY].reverse().join('') === '${[...CANARY].reverse().join('')}' ? 'sees it' : 'sees another'); } };`,
    manifest: { routes: ['/keeper', '/keeper/throws'], secrets: ['API_KEY'] },
  });
}

test('fault 62: a secret reaches the isolates that start after it, and no log, trace, metric, error, answer or process list', TIME, async () => {
  const told: CliEnd[] = [];
  const cli = async (args: readonly string[], input = ''): Promise<CliEnd> => {
    const end = await host.cli(args, { input });
    told.push(end);
    return end;
  };
  const bodies: string[] = [];
  const ask = async (path: string): Promise<string> => {
    const text = await (await host.ask(path)).text();
    bodies.push(text);
    return text;
  };
  const missing = await cli(['deploy', write(1)]);
  assert.deepEqual([missing.code, /API_KEY.*pilotlight secret put keeper API_KEY/.test(missing.err)], [1, true]);
  assert.equal((await cli(['secret', 'put', 'keeper', 'API_KEY'], 'another')).code, 0);
  assert.equal((await cli(['deploy', write(1)])).code, 0);
  assert.equal(await ask('/keeper'), 'sees another');
  assert.equal((await cli(['secret', 'put', 'keeper', 'API_KEY'], `${CANARY}\n`)).code, 0);
  assert.equal(await ask('/keeper'), 'sees another', 'isolates that run keep what they started with');
  assert.equal((await cli(['deploy', write(2)])).code, 0);
  assert.equal(await ask('/keeper'), 'sees it');
  await ask('/keeper/throws');
  assert.equal((await cli(['secret', 'list', 'keeper'])).out, 'API_KEY\n');
  const paths = ['/v1/functions', '/v1/functions/keeper/secrets', '/v1/functions/keeper/secrets/API_KEY', '/v1/traces/recent'];
  const views = await Promise.all(paths.map((path) => host.view<unknown>(path)));
  await host.event('request.kept', 1, (line) => line['path'] === '/keeper/throws');

  const written = {
    logs: host.logs, stray: host.strayLines, err: host.message, told, bodies, views, metrics: await host.metrics(), processes: processLines(host.pid),
  };
  for (const [where, what] of Object.entries(written)) assert.ok(!JSON.stringify(what).includes(CANARY), `the value is in ${where}`);

  const folder = join(host.store, 'secrets');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)).filter((name) => statSync(name).isFile());
  assert.deepEqual(files.filter((name) => readFileSync(name, 'utf8').includes(CANARY)).length, 1);
  for (const file of [...files, join(host.store, 'token')]) assert.equal(statSync(file).mode & 0o777, 0o600, file);
  for (const where of ['state', 'versions', 'blobs']) {
    const holders = readdirSync(join(host.store, where), { recursive: true, encoding: 'utf8' }).map((name) => join(host.store, where, name))
      .filter((name) => statSync(name).isFile() && readFileSync(name, 'utf8').includes(CANARY));
    assert.deepEqual(holders, []);
  }
  assert.equal((await cli(['delete', 'keeper'])).code, 0);
  assert.deepEqual(readdirSync(folder), [], 'a deleted function leaves no secret');
});

/** What `ps` shows of a process and all below it, with their environments. */
function processLines(pid: number): readonly string[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter((one) => one !== '').map(Number);
  return [readFileSync(`/proc/${pid}/cmdline`, 'utf8'), readFileSync(`/proc/${pid}/environ`, 'utf8'), ...children.flatMap(processLines)];
}

/** As a caller who can say what he likes about himself. */
function askAdmin(path: string, headers: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    request(new URL(path, host.adminUrl), { headers, agent: false }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    }).once('error', reject).end();
  });
}

test('fault 60: probes and metrics are open, everything else wants the token, an own name and no other page', TIME, async () => {
  const right = { authorization: `Bearer ${host.token}` };
  for (const path of ['/livez', '/readyz', '/metrics']) assert.equal(await askAdmin(path, {}), 200, path);
  assert.equal(await askAdmin('/v1/functions', right), 200);
  assert.equal(await askAdmin('/v1/functions', {}), 401);
  assert.equal(await askAdmin('/v1/functions', { authorization: `Bearer ${host.token.slice(0, -1)}x` }), 401);
  assert.equal(await askAdmin('/v1/functions', { ...right, host: 'rebound.example' }), 403);
  assert.equal(await askAdmin('/v1/functions', { ...right, origin: 'https://evil.example' }), 403);
  assert.equal(await askAdmin('/v1/functions', { ...right, 'sec-fetch-site': 'cross-site' }), 403);
});
