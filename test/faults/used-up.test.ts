// A whole host with few descriptors and a crowd at its door: it stays itself, says what is wrong, and recovers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FunctionFolders } from '../support/function-folder.ts';
import { RawConnection } from '../support/raw-http.ts';
import { RealHost } from '../support/real-host.ts';
import { askOnce, type Outcome } from '../support/short-requests.ts';

test('fault 54: with few descriptors and a crowd of connections the host serves whom it has, deploys, tells the others and recovers', { timeout: 60_000 }, async () => {
  const folders = new FunctionFolders();
  const host = await RealHost.start({ descriptorsMax: 256 });
  try {
    await host.deploy(folders.write('first'));
    const early = await RawConnection.open(host.url);
    const crowd = await Promise.all(Array.from({ length: 400 }, () => RawConnection.open(host.url)));
    await Promise.any(crowd.map((connection) => connection.closed()));
    early.send('GET /first HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await early.answer()).status, 200, 'who was there before is served');

    const told = crowd.filter(({ isClosed }) => !isClosed).map(async (connection) => {
      connection.send('GET /first HTTP/1.1\r\nHost: a\r\n\r\n');
      return connection.answer().then(({ status }) => status, () => 0);
    });
    const statuses = await Promise.all(told);
    assert.ok(statuses.includes(200) && statuses.includes(503), `${[...new Set(statuses)].join()}: those within the limit are served, the next are told OVERLOADED`);
    assert.deepEqual(statuses.filter((status) => ![0, 200, 503].includes(status)), []);

    await host.deploy(folders.write('second'));
    assert.equal((await fetch(new URL('/readyz', host.adminUrl))).status, 200);
    for (const connection of crowd) connection.destroy();
    let after: Outcome;
    do after = await askOnce(host.port, '/second'); while (after.result !== 200);
    assert.equal(after.body, 'second');
    assert.deepEqual(host.logs.filter(({ event }) => event === 'host.died' || event === 'host.failed'), []);
    host.kill('SIGTERM');
    early.destroy();
    assert.deepEqual(await host.ended, { exitCode: 0, message: '' });
  } finally {
    await host.close();
    folders.remove();
  }
});
