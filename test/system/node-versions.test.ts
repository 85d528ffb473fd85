// One build on every Node that package.json promises: the addon is of Node-API 8, the rest must not know the difference either.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FunctionFolders } from '../support/function-folder.ts';
import { nodeOf } from '../support/other-node.ts';
import { RealHost } from '../support/real-host.ts';

const FUNCTIONS = fileURLToPath(new URL('../../../functions', import.meta.url));
const MANIFEST = fileURLToPath(new URL('../../../package.json', import.meta.url));

for (const version of ['20.17.0', '22.23.2', '24.21.0']) {
  test(`on Node ${version} a host serves, deploys, answers, is killed, comes back and stops`, { timeout: 180_000 }, async () => {
    const node = nodeOf(version);
    assert.equal(execFileSync(node, ['--version'], { encoding: 'utf8' }), `v${version}\n`);
    const host = await RealHost.start({ node });
    try {
      const { out, err } = await host.cli(['deploy', join(FUNCTIONS, 'hello'), join(FUNCTIONS, 'digits'), join(FUNCTIONS, 'langid')]);
      assert.match(out, /^hello@\w+ deployed in .*\ndigits@\w+ deployed in .*\nlangid@\w+ deployed in .*\n$/, err);
      assert.match(await host.must(['doctor']), new RegExp(`Node v${version.replaceAll('.', '\\.')}`));
      await answersRight(host);
      host.killHost();
      await host.ready(2);
      await answersRight(host);
      host.kill('SIGTERM');
      assert.deepEqual(await host.ended, { exitCode: 0, message: '' }, 'no warning of Node either');
      assert.deepEqual(host.strayLines, []);
    } finally {
      await host.close();
    }
  });

  test(`fault 18, fault 22: on Node ${version} no loop holds its isolate for ever, and no heap takes the host along`, { timeout: 120_000 }, async () => {
    const folders = new FunctionFolders();
    const host = await RealHost.start({ node: nodeOf(version) });
    try {
      await host.deploy(folders.write('loops', {
        handler: `const kept = []; const loops = {
            plain: () => { for (;;); }, fill: () => { for (;;) new Array(1000).fill(0); }, heap: () => { for (;;) kept.push(new Array(1000).fill(0)); },
            parse: () => { for (;;) JSON.parse('[1]'); }, typed: () => { const array = new Float32Array(1000); for (;;) array.fill(0); } };
          export default { fetch(request) { loops[new URL(request.url).pathname.slice(7)]?.(); return new Response('fine'); } };`,
        manifest: { routes: ['/loops/:kind'], isolates: 1, limits: { timeoutMs: 1000, heapMiB: 64 } },
      }));
      for (const [index, kind] of ['plain', 'fill', 'heap', 'parse', 'typed'].entries()) {
        const { status } = await host.ask(`/loops/${kind}`);
        assert.ok(status === 504 || (status === 502 && kind === 'heap'), `${kind}: ${status}`);
        await host.event('isolate.started', index + 1, (line) => line['reason'] === 'replace');
        assert.equal(await (await host.ask('/loops/none')).text(), 'fine', kind);
      }
      host.kill('SIGTERM');
      assert.deepEqual(await host.ended, { exitCode: 0, message: '' });
      assert.ok(!host.logs.some(({ event }) => event === 'host.died'));
    } finally {
      await host.close();
      folders.remove();
    }
  });
}

async function answersRight(host: RealHost): Promise<void> {
  assert.deepEqual(await (await host.ask('/hello/Ada')).json(), { message: 'Hello, Ada!' });
  const digit = await host.ask('/digits', { method: 'POST', body: readFileSync(join(FUNCTIONS, 'digits', 'samples', '3-001.png')) });
  assert.equal((await digit.json() as { digit: number }).digit, 3);
  assert.equal(digit.headers.get('pilotlight-start'), 'warm');
  const language = await host.ask('/langid', { method: 'POST', body: 'Wer anderen eine Grube gräbt, fällt selbst hinein.' });
  assert.equal((await language.json() as { language: string }).language, 'de');
}

test('the oldest of them is the one that package.json names', () => {
  assert.equal((JSON.parse(readFileSync(MANIFEST, 'utf8')) as { engines: { node: string } }).engines.node, '>=20.17');
});
