import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { HandlerHost } from '../../test/support/handler-host.ts';

let host: HandlerHost;
before(async () => { host = await HandlerHost.open(); });
after(() => host.close());

test('a request goes to the handler and its answer comes back', async () => {
  const version = await host.serve(`export default { fetch: () => new Response('hello') };`, { name: 'hello', routes: ['GET /hello'] });
  const answer = await fetch(`${host.url}/hello`);
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), 'hello');
  assert.equal(answer.headers.get('content-type'), 'text/plain;charset=UTF-8');
  assert.equal(answer.headers.get('pilotlight-version'), `hello@${version.version.slice(0, 8)}`);
  assert.equal(answer.headers.get('pilotlight-start'), 'warm');
  assert.match(answer.headers.get('server-timing') ?? '', /^acquire;dur=0, queue;dur=0, execute;dur=0, handler;dur=[0-9.]+$/);
  assert.match(answer.headers.get('pilotlight-request-id') ?? '', /^[0-9a-f]{12}-[0-9a-z]+$/);
});
