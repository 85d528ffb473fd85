import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { CliFailure } from './cli-failure.ts';
import { findAdmin, localAddress } from './find-admin.ts';

const folder = mkdtempSync(join(tmpdir(), 'pilotlight-find-admin-'));
writeFileSync(join(folder, 'token'), 'a token of this machine\n');
after(() => rmSync(folder, { recursive: true }));

const find = (admin: string | undefined, env: Readonly<Record<string, string>>) =>
  findAdmin({ store: folder, ...(admin === undefined ? {} : { admin }) }, { env, folder });

describe('where a token goes', () => {
  test('to every address of this machine, without encryption and from the store', () => {
    const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []).filter(({ address }) => !address.startsWith('fe80:'));
    assert.ok(addresses.length > 0);
    for (const { address } of addresses) {
      assert.equal(find(localAddress(address, 8788), {}).token, 'a token of this machine', address);
      assert.equal(find(undefined, { PILOTLIGHT_ADMIN_HOST: address }).token, 'a token of this machine', address);
    }
  });

  test('to another machine only over https, whether a flag or the settings name it', () => {
    const token = { PILOTLIGHT_TOKEN: 'secret' };
    const said = /192\.0\.2\.1:8788 would send the token in the clear/;
    const refused = (error: unknown): boolean => error instanceof CliFailure && error.exitCode === 2 && said.test(error.message);
    assert.throws(() => find('http://192.0.2.1:8788', token), refused);
    assert.throws(() => find(undefined, { ...token, PILOTLIGHT_ADMIN_HOST: '192.0.2.1' }), refused);
    assert.equal(find('https://192.0.2.1:8788', token).token, 'secret');
    assert.throws(() => find('https://192.0.2.1:8788', {}), /another machine's host/);
  });
});
