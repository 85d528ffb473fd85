// One build on every Node that package.json promises: the addon is of Node-API 8, the rest must not know the difference either.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
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
