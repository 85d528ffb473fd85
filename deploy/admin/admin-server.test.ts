import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Hono } from 'hono';
import { PilotlightError } from '../../runtime/errors.ts';
import { openAdminServer } from './admin-server.ts';

const LOCAL = { host: '127.0.0.1', port: 0 };

describe('admin server', () => {
  test('answers on its port until it is closed, and closing twice is harmless', async () => {
    const server = await openAdminServer({ app: new Hono().get('/livez', (context) => context.text('ok')), ...LOCAL });
    const url = `http://127.0.0.1:${server.port}/livez`;
    assert.equal(await (await fetch(url)).text(), 'ok');
    await server.close(1000);
    await server.close(1000);
    await assert.rejects(fetch(url));
  });

  test('fault 55: a port in use is refused with the address and the setting to change', async () => {
    const first = await openAdminServer({ app: new Hono(), ...LOCAL });
    try {
      await assert.rejects(openAdminServer({ app: new Hono(), ...LOCAL, port: first.port }), (error: unknown) => {
        assert.ok(error instanceof PilotlightError && error.code === 'BAD_SETTING');
        return error.message.includes(`127.0.0.1:${first.port}`) && error.message.includes('adminPort');
      });
    } finally {
      await first.close(0);
    }
  });

  test('an answer that does not end is cut at the deadline', async () => {
    const app = new Hono().get('/', () => new Response(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('begun')) })));
    const server = await openAdminServer({ app, ...LOCAL });
    const response = await fetch(`http://127.0.0.1:${server.port}/`);
    const reading = response.text();
    await server.close(0);
    await assert.rejects(reading);
  });
});
