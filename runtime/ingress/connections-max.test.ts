import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HandlerHost } from '../../test/support/handler-host.ts';
import { RawConnection } from '../../test/support/raw-http.ts';
import { connectionsMax } from './connections-max.ts';

test('fault 54: connections leave the host descriptors of its own, whatever the limit', () => {
  const cases = [[1, 256, 96], [2, 1024, 432], [4, 1_048_576, 20_000], [2, 100, 16]] as const;
  for (const [threads, descriptors, wanted] of cases) assert.equal(connectionsMax(threads, descriptors), wanted, `${threads} threads, ${descriptors} descriptors`);
});

test('the limit of this process is read where it can be', () => {
  assert.ok(connectionsMax(1) >= 16);
});

test('fault 54: a request on a connection over the limit is told OVERLOADED, and served when others have closed', async () => {
  const host = await HandlerHost.open({ connectionsMax: 2 });
  try {
    await host.serve(`export default { fetch: () => new Response('fine') };`, { routes: ['/hello'] });
    const ask = async (raw: RawConnection) => {
      raw.send('GET /hello HTTP/1.1\r\nHost: a\r\n\r\n');
      return (await raw.answer()).status;
    };
    const held = [await RawConnection.open(host.url), await RawConnection.open(host.url)];
    for (const raw of held) assert.equal(await ask(raw), 200);
    const answer = await fetch(`${host.url}/hello`);
    assert.deepEqual([answer.status, (await answer.json() as { code: string }).code, answer.headers.get('retry-after')], [503, 'OVERLOADED', '1']);
    for (const raw of held) raw.destroy();
    let status = 503;
    while (status === 503) status = (await fetch(`${host.url}/hello`)).status;
    assert.equal(status, 200);
  } finally {
    await host.close();
  }
});
