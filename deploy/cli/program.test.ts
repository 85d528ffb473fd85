import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { PilotlightError } from '../../runtime/errors.ts';
import { capturedTerminal, type CaptureOptions } from '../../test/support/captured-terminal.ts';
import { FAKE_TOKEN, fakeHost } from '../../test/support/fake-host.ts';
import { runCli } from './program.ts';

const HANDLER = 'export default { fetch: () => new Response("ok") };\n';

let host: ReturnType<typeof fakeHost>;
let server: ServerType;
let url: string;
let folder: string;

before(async () => {
  server = createAdaptorServer({ fetch: (request) => host.admin.fetch(request) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder = await mkdtemp(join(tmpdir(), 'pilotlight-cli-'));
});

after(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  host = fakeHost();
  await writeFunction('hello', HANDLER);
});

async function writeFunction(name: string, handler: string, manifest: object = {}): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'handler.js'), handler);
  await writeFile(join(folder, name, 'pilotlight.jsonc'), JSON.stringify({ name, main: 'handler.js', routes: [`GET /${name}`], ...manifest }));
}

async function run(args: readonly string[], options: CaptureOptions = {}) {
  const terminal = capturedTerminal({ folder, env: { PILOTLIGHT_TOKEN: FAKE_TOKEN, PILOTLIGHT_ADMIN: url }, ...options });
  const code = await runCli(args, terminal);
  return { code, ...terminal.written };
}

describe('deploy', () => {
  test('says the result on standard output and the steps on standard error', async () => {
    const { code, out, err } = await run(['deploy', 'hello']);
    assert.equal(code, 0, err);
    assert.match(out, /^hello@[0-9a-f]{8} deployed in .*\n$/);
    for (const step of ['bundle', 'upload', 'check', 'isolates', 'golden', 'commit', 'switch', 'confirm']) assert.match(err, new RegExp(`^hello: ${step}: `, 'm'));
    assert.deepEqual(host.dataPlane.serving.length, 1);
  });

  test('is safe to repeat: the same content sends nothing and changes nothing', async () => {
    await run(['deploy', 'hello']);
    const { code, out, err } = await run(['deploy', 'hello']);
    assert.deepEqual([code, host.store.state().generation], [0, 1]);
    assert.match(out, /serves already, nothing changed/);
    assert.match(err, /upload: everything is there already/);
  });

  test('sends only what the host lacks: a changed handler goes alone', async () => {
    const manifest = { routes: ['POST /hello'], warm: [{ request: 'POST /hello', body: 'body.txt', expect: { status: 200 } }] };
    await writeFunction('hello', HANDLER, manifest);
    await writeFile(join(folder, 'hello', 'body.txt'), 'a body');
    const read = host.store.addVersion.bind(host.store);
    host.store.addVersion = async (bundle) => ({ ...(await read(bundle)), folder: join(folder, 'hello') });
    assert.match((await run(['deploy', 'hello'])).err, /upload: 2 of 2 files/);
    await writeFunction('hello', `${HANDLER}globalThis.second = true;\n`, manifest);
    assert.match((await run(['deploy', 'hello'])).err, /upload: 1 of 2 files/);
    assert.ok([...host.store.blobs.values()].some((blob) => Buffer.from(blob).toString() === 'a body'));
    assert.ok(host.dataPlane.sent.every(({ request }) => Buffer.from(request.body ?? []).toString() === 'a body'));
  });

  test('a failing step ends with 1, the code and the reason, and names what was undone', async () => {
    host.dataPlane.before = (operation) => {
      if (operation === 'start') throw new PilotlightError('BAD_HANDLER', 'handler.mjs threw: no luck');
    };
    const { code, out, err } = await run(['deploy', 'hello']);
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /hello: isolates: failed: .*no luck/);
    assert.match(err, /hello: isolates: undone/);
    assert.match(err, /error: BAD_HANDLER: handler.mjs threw: no luck\n$/);
  });

  test('several folders go one after the other, and the first failure stops the rest', async () => {
    await writeFunction('broken', 'export default {');
    await writeFunction('later', HANDLER);
    const { code, err } = await run(['deploy', 'hello', 'broken', 'later']);
    assert.equal(code, 1);
    assert.match(err, /error: BAD_HANDLER/);
    assert.deepEqual(Object.keys(host.store.state().functions), ['hello']);
  });

  test('--json prints one document with every result, the failed one too', async () => {
    await writeFunction('broken', 'export default {');
    const { code, out } = await run(['deploy', 'hello', 'broken', '--json']);
    const { results } = JSON.parse(out) as { results: readonly { outcome?: string; error?: { code: string } }[] };
    assert.equal(code, 1);
    assert.deepEqual(results.map(({ outcome, error }) => outcome ?? error?.code), ['deployed', 'BAD_HANDLER']);
  });

  test('--no-warm leaves the models cold', async () => {
    const { code, err } = await run(['deploy', 'hello', '--no-warm']);
    assert.equal(code, 0);
    assert.doesNotMatch(err, /hello: (load|warm|golden):/);
  });

  test('on a terminal the steps are drawn over and a failure is told once', async () => {
    host.dataPlane.before = (operation) => {
      if (operation === 'start') throw new PilotlightError('BAD_HANDLER', 'no luck');
    };
    const { err } = await run(['deploy', 'hello'], { isLive: true });
    assert.ok(err.includes('\r\u001b[K  ✓ check'));
    assert.match(err, /✗ isolates .*failed/);
    assert.equal(err.split('no luck').length, 2);
  });

  test('Ctrl-C ends the command with 130 while the host goes on', async () => {
    const terminal = capturedTerminal({ folder, env: { PILOTLIGHT_TOKEN: FAKE_TOKEN, PILOTLIGHT_ADMIN: url } });
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    host.dataPlane.before = (operation) => {
      if (operation !== 'start') return;
      terminal.interrupt();
      return opened;
    };
    assert.equal(await runCli(['deploy', 'hello'], terminal), 130);
    assert.match(terminal.written.err, /interrupted/);
    open();
    await host.rollout.delete('hello');
    assert.equal(host.store.state().generation, 2);
  });
});

describe('the other commands', () => {
  test('functions and versions print tables, or JSON', async () => {
    await run(['deploy', 'hello']);
    const table = await run(['functions']);
    assert.match(table.out, /FUNCTION +STATE +READY .*\nhello@[0-9a-f]{8} +serving +yes .* GET \/hello\n$/);
    const { functions } = JSON.parse((await run(['functions', '--json'])).out) as { functions: readonly { name: string }[] };
    assert.deepEqual(functions.map(({ name }) => name), ['hello']);
    assert.match((await run(['versions', 'hello'])).out, /hello@[0-9a-f]{8} .*current/);
    const missing = await run(['versions', 'helo']);
    assert.deepEqual([missing.code, missing.out], [1, '']);
    assert.match(missing.err, /NO_FUNCTION/);
  });

  test('an empty table says so beside the output, not in it', async () => {
    const { code, out, err } = await run(['functions']);
    assert.deepEqual([code, out], [0, '']);
    assert.match(err, /nothing is deployed yet/);
  });

  test('rollback goes back and delete takes away', async () => {
    await run(['deploy', 'hello']);
    await writeFunction('hello', `${HANDLER}globalThis.second = true;\n`);
    await run(['deploy', 'hello']);
    assert.match((await run(['rollback', 'hello'])).out, /^hello@[0-9a-f]{8} rolled back in /);
    assert.match((await run(['delete', 'hello'])).out, /^hello deleted in /);
    assert.equal((await run(['rollback', 'hello'])).code, 1);
  });

  test('fault 62: a secret is read from standard input without its newline and never printed', async () => {
    const put = await run(['secret', 'put', 'hello', 'API_KEY'], { input: 'canary\n' });
    assert.equal(put.code, 0, put.err);
    assert.equal(host.store.secretValues.get('hello')?.get('API_KEY'), 'canary');
    const list = await run(['secret', 'list', 'hello']);
    assert.equal(list.out, 'API_KEY\n');
    for (const text of [put.out, put.err, list.out, list.err]) assert.doesNotMatch(text, /canary/);
    assert.equal((await run(['secret', 'delete', 'hello', 'API_KEY'])).code, 0);
    assert.equal((await run(['secret', 'put', 'hello', 'EMPTY'], { input: '\n' })).code, 2);
  });

  test('check tells what a folder is without any host, and refuses a broken one', async () => {
    const env = { PILOTLIGHT_ADMIN: 'http://127.0.0.1:1' };
    const good = await run(['check', 'hello'], { env });
    assert.equal(good.code, 0, good.err);
    assert.match(good.out, /hello is fit to deploy as hello@[0-9a-f]{8}/);
    await writeFile(join(folder, 'hello', 'pilotlight.jsonc'), '{ "nam": "hello" }');
    const bad = await run(['check', 'hello'], { env });
    assert.equal(bad.code, 1);
    assert.match(bad.err, /BAD_MANIFEST: .*pilotlight.jsonc:1:/);
  });

  test('serve --print-config shows each setting and where it came from', async () => {
    const { code, out } = await run(['serve', '--print-config', '--port', '9000'], { env: { PILOTLIGHT_LOG_LEVEL: 'warn' } });
    assert.equal(code, 0);
    assert.match(out, /^port +9000 +--port$/m);
    assert.match(out, /^logLevel +warn +PILOTLIGHT_LOG_LEVEL$/m);
    assert.match(out, /^adminPort +8788 +default$/m);
  });
});

describe('splits', () => {
  /** Deploys two versions, the second with these options; gives the first digits of both. */
  async function deployTwo(...options: readonly string[]): Promise<{ readonly one: string; readonly two: string; readonly out: string }> {
    const digitsOf = (text: string): string => /hello@([0-9a-f]{8})/.exec(text)?.[1] ?? '';
    const one = digitsOf((await run(['deploy', 'hello'])).out);
    await writeFunction('hello', `${HANDLER}globalThis.second = true;\n`, { routes: ['GET /hello', 'GET /hello/:name'] });
    const { out } = await run(['deploy', 'hello', ...options]);
    return { one, two: digitsOf(out), out };
  }

  test('a deploy with --split tells the shares, and so do functions and versions', async () => {
    const { one, two, out } = await deployTwo('--split', '10', '--abort-if', 'errors>1%', '--abort-if', 'p99>2x');
    assert.match(out, new RegExp(`^hello@${two} deployed in .*: ${one} 90 %, ${two} 10 %\n$`));
    assert.match((await run(['functions'])).out, new RegExp(`hello@${one} .* ${one} 90 %, ${two} 10 % `));
    const versions = (await run(['versions', 'hello'])).out;
    assert.match(versions, new RegExp(`hello@${two} .* 10 %  aborts if errors>1% or p99>2x\n.*hello@${one} .* 90 %  current\n`));
  });

  test('split sets the shares, promote and rollback end the split', async () => {
    const { one, two } = await deployTwo('--split', '10');
    assert.match((await run(['split', 'hello', `${one}=40`, `hello@${two}=60`])).out, new RegExp(`^hello split in .*: ${one} 40 %, ${two} 60 %\n$`));
    assert.match((await run(['promote', 'hello'])).out, new RegExp(`^hello@${two} promoted in [^:]*\n$`));
    assert.match((await run(['rollback', 'hello'])).out, new RegExp(`^hello@${one} rolled back in `));
    const { shares } = JSON.parse((await run(['split', 'hello', `${one}=100`, `${two}=0`, '--json'])).out) as { shares: readonly { percent: number }[] };
    assert.deepEqual(shares.map(({ percent }) => percent), [100, 0]);
  });

  test('a version that lost its share is shown with the reason', async () => {
    const { two } = await deployTwo('--split', '10', '--abort-if', 'errors>1%');
    const version = host.store.state().functions['hello']?.history[0]?.version ?? '';
    host.rollout.metered(new Map([['x', { function: 'hello', version, requests: 40, failures: 30, durations: new Map() }]]));
    await run(['split', 'hello', 'ffffffff=100']);
    assert.match((await run(['versions', 'hello'])).out, new RegExp(`hello@${two} .* 0 %  aborted: 30 of 40 requests failed \\(75.0 %\\), more than errors>1% allows\n`));
    const { code, err } = await run(['promote', 'hello']);
    assert.deepEqual([code, /BAD_REQUEST: .*30 of 40 requests failed/.test(err)], [1, true], err);
  });

  test('--plan says what the deploy would do and does nothing', async () => {
    const { one, two } = await deployTwo('--split', '10', '--plan');
    assert.equal(host.store.state().generation, 1);
    const { out, err } = await run(['deploy', 'hello', '--split', '10', '--plan']);
    assert.equal(out, [
      `hello@${two} would be deployed; nothing was changed`, `  shares   ${one} 90 %, ${two} 10 %`, '  routes   + GET /hello/:name', '           = GET /hello',
      '  isolates 2 isolates and a spare', '  fit      overlap: old and new side by side', '',
    ].join('\n'));
    assert.doesNotMatch(err, /upload/);
    assert.match((await run(['deploy', 'hello', '--plan'])).out, new RegExp(`  drains   hello@${one}\n`));
    const { results } = JSON.parse((await run(['deploy', 'hello', '--plan', '--json'])).out) as { results: readonly { fit: unknown }[] };
    assert.deepEqual(results.map(({ fit }) => fit), [{ kind: 'overlap' }]);
    assert.deepEqual([host.store.state().generation, host.store.versions.size], [1, 1]);
  });

  test('wrong usage ends with 2, what makes no sense with 1; both name it', async () => {
    const { one, two } = await deployTwo();
    const cases: readonly (readonly [code: number, args: readonly string[], said: RegExp])[] = [
      [2, ['deploy', 'hello', '--split', 'half'], /half.*whole number from 0 to 100/s], [2, ['deploy', 'hello', '--split', '101'], /101/],
      [2, ['split', 'hello'], /missing required argument/], [2, ['split', 'hello', one], new RegExp(`${one}.*VERSION=PERCENT`, 's')],
      [2, ['split', 'hello', `${one}=x`], /whole number/], [1, ['split', 'hello', `${one}=90`, `${two}=5`], /BAD_REQUEST: .*hello sum to 95/],
      [1, ['split', 'hello', `${one}=50`, `${one}=50`], new RegExp(`BAD_REQUEST: hello@${one} is named twice`)], [1, ['split', 'hello', 'ffff=100'], /NO_VERSION: .*ffff/],
      [1, ['promote', 'hello'], /BAD_REQUEST: hello has no split/], [1, ['promote', 'nobody'], /NO_FUNCTION: .*nobody/],
      [1, ['deploy', 'hello', '--abort-if', 'errors>1%'], /BAD_REQUEST: abortIf needs a split/],
      [1, ['deploy', 'hello', '--split', '1', '--abort-if', 'errors'], /BAD_REQUEST: "errors" is no bound/],
    ];
    for (const [wanted, args, said] of cases) {
      const { code, err } = await run(args);
      assert.equal(code, wanted, `${args.join(' ')}: ${err}`);
      assert.match(err, said);
    }
  });
});

describe('a host that cannot be used', () => {
  test('wrong usage ends with 2 and names the nearest right word', async () => {
    const cases: readonly [readonly string[], RegExp][] = [
      [['depoly', 'hello'], /Did you mean deploy/],
      [['deploy'], /missing required argument/],
      [['deploy', 'hello', '--nowarm'], /Did you mean --no-warm/],
      [['dev', 'hello'], /unknown command 'dev'/],
      [['functions', '--admin', 'ftp://x'], /--admin ftp:\/\/x is no address/],
      [['functions', '--admin', 'http://gpu1.example:8788'], /in the clear.*https/],
    ];
    for (const [args, said] of cases) {
      const { code, out, err } = await run(args);
      assert.deepEqual([code, out], [2, ''], args.join(' '));
      assert.match(err, said);
    }
  });

  test('nobody answering says what was tried and what would do', async () => {
    const { code, err } = await run(['functions', '--admin', 'http://127.0.0.1:1']);
    assert.equal(code, 1);
    assert.match(err, /no host answers at http:\/\/127.0.0.1:1 \(GET \/v1\/functions: .*\); start one with `pilotlight serve`/);
  });

  test('fault 60: a wrong token is refused, and a missing one names where it was looked for', async () => {
    const wrong = await run(['functions'], { env: { PILOTLIGHT_TOKEN: 'wrong', PILOTLIGHT_ADMIN: url } });
    assert.deepEqual([wrong.code, /NO_TOKEN/.test(wrong.err)], [1, true]);
    const none = await run(['functions'], { env: { PILOTLIGHT_ADMIN: url } });
    assert.equal(none.code, 1);
    assert.ok(none.err.includes(join(folder, '.pilotlight', 'token')));
  });

  test('the token is found in the store that the settings name', async () => {
    await mkdir(join(folder, 'kept'), { recursive: true });
    await writeFile(join(folder, 'kept', 'token'), `${FAKE_TOKEN}\n`);
    const { code, err } = await run(['functions', '--store', 'kept'], { env: { PILOTLIGHT_ADMIN: url } });
    assert.equal(code, 0, err);
  });

  test('the token of this machine\'s store is not sent to another machine', async () => {
    await mkdir(join(folder, '.pilotlight'), { recursive: true });
    await writeFile(join(folder, '.pilotlight', 'token'), FAKE_TOKEN);
    const { code, err } = await run(['functions', '--admin', 'https://gpu1.example:8788'], { env: {} });
    assert.equal(code, 1);
    assert.match(err, /PILOTLIGHT_TOKEN/);
  });
});
