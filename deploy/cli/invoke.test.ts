import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { capturedTerminal } from '../../test/support/captured-terminal.ts';
import { runCli } from './program.ts';

const FAKE_MODEL = 'pilotlight-fake 1\ninput image float32 [batch,4]\noutput logits float32 [batch,2]\n';

let server: Server;
let url: string;
let folder: string;

before(async () => {
  server = createServer((request, response) => {
    request.setEncoding('utf8');
    let body = '';
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      response.statusCode = request.url === '/missing' ? 404 : 200;
      response.setHeader('server-timing', 'handler;dur=1');
      response.end(`${request.method} ${request.url} ${request.headers['content-type'] ?? '-'} ${request.headers['x-a'] ?? '-'} ${body}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder = await mkdtemp(join(tmpdir(), 'pilotlight-invoke-'));
});

after(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

async function run(args: readonly string[], input = '') {
  const terminal = capturedTerminal({ folder, input });
  return { code: await runCli(args, terminal), ...terminal.written };
}

describe('invoke', () => {
  const invoke = (...args: string[]) => run(['invoke', ...args, '--url', url]);

  test('prints the answer alone; -v adds status and headers beside it', async () => {
    assert.deepEqual(await invoke('/hello'), { code: 0, out: 'GET /hello - - ', err: '' });
    const { out, err } = await invoke('/hello', '-v');
    assert.equal(out, 'GET /hello - - ');
    assert.match(err, /^200 OK\n[^]*server-timing: handler;dur=1\n/);
  });

  test('a body makes it a POST with the type that the text or the file name tells', async () => {
    assert.equal((await invoke('/x', '--data', '{"a":1}')).out, 'POST /x application/json - {"a":1}');
    assert.equal((await invoke('/x', '--data', 'plain')).out, 'POST /x text/plain; charset=utf-8 - plain');
    await writeFile(join(folder, 'picture.png'), 'png');
    assert.equal((await invoke('/x', '--data', '@picture.png', '-X', 'put', '-H', 'x-a: b: c')).out, 'PUT /x image/png b: c png');
    assert.equal((await run(['invoke', '/x', '--data', '@-', '--url', url], 'piped')).out, 'POST /x application/octet-stream - piped');
  });

  test('an answer that is an error is printed and ends with 1', async () => {
    const { code, out, err } = await invoke('/missing');
    assert.deepEqual([code, out], [1, 'GET /missing - - ']);
    assert.match(err, /was answered 404 Not Found/);
  });

  test('a file that is not there and a header without a colon are told before anything is sent', async () => {
    assert.match((await invoke('/x', '--data', '@none.png')).err, /cannot read .*none\.png \(ENOENT\)/);
    assert.deepEqual((await invoke('/x', '-H', 'bad')).code, 2);
  });
});

describe('types', () => {
  test('writes env.d.ts with the tensors of the models; --check fails until it is written', async () => {
    const at = join(folder, 'fn');
    await mkdir(at);
    await writeFile(join(at, 'handler.js'), 'export default { fetch: () => new Response() };');
    await writeFile(join(at, 'digits.fake'), FAKE_MODEL);
    await writeFile(join(at, 'pilotlight.jsonc'), '{ "name": "fn", "main": "handler.js", "routes": ["/fn"], "models": { "DIGITS": { "path": "digits.fake" } } }');
    const missing = await run(['types', 'fn', '--check']);
    assert.deepEqual([missing.code, missing.out], [1, '']);
    assert.match(missing.err, /fn\/env\.d\.ts is missing; `pilotlight types fn` writes it/);
    assert.equal((await run(['types', 'fn'])).out, 'fn/env.d.ts written\n');
    assert.match(await readFile(join(at, 'env.d.ts'), 'utf8'), /readonly DIGITS: Model<[^]*image[^]*float32[^]*logits/);
    assert.deepEqual((await run(['types', 'fn', '--check'])).code, 0);
  });

  test('a model that is none is refused by binding and file', async () => {
    await writeFile(join(folder, 'fn', 'digits.fake'), 'not a model');
    const { code, err } = await run(['types', 'fn']);
    assert.equal(code, 1);
    assert.match(err, /BAD_MODEL: model DIGITS \(digits\.fake\)/);
  });
});

describe('the command', () => {
  test('runs as a program, with its exit codes and streams', async () => {
    const main = fileURLToPath(new URL('./main.js', import.meta.url));
    const call = (...args: string[]) => promisify(execFile)(process.execPath, [main, ...args], { cwd: folder, env: { PATH: process.env['PATH'] } });
    assert.match((await call('--version')).stdout, /^\d+\.\d+\.\d+\n$/);
    assert.match((await call('--help')).stdout, /deploy <folder\.\.\.>/);
    await assert.rejects(call('functions', '--bad'), (error: { code?: number; stdout?: string; stderr?: string }) =>
      error.code === 2 && error.stdout === '' && /unknown option '--bad'/.test(error.stderr ?? ''));
  });
});
