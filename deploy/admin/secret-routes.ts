// Secrets of a function: values come in and never go out, neither in answers nor in messages.
import { Hono } from 'hono';
import { PilotlightError } from '../../runtime/errors.ts';
import type { Store } from '../store/store.ts';
import { readText } from './read-body.ts';

const SECRET_BYTES_MAX = 64 * 1024;

export function secretRoutes({ secrets }: Pick<Store, 'secrets'>): Hono {
  const app = new Hono();

  app.get('/functions/:name/secrets', async (context) => context.json({ secrets: await secrets.list(context.req.param('name')) }));

  app.put('/functions/:name/secrets/:key', async (context) => {
    const { name, key } = context.req.param();
    const value = await readText(context.req, SECRET_BYTES_MAX);
    if (value === '') throw new PilotlightError('BAD_REQUEST', `the value of the secret ${key} is empty; \`pilotlight secret delete\` takes one away`);
    await secrets.put(name, key, value);
    return context.body(null, 204);
  });

  app.get('/functions/:name/secrets/:key', async (context) => {
    const { name, key } = context.req.param();
    const isSet = (await secrets.list(name)).includes(key);
    if (!isSet) throw noSecret(name, key);
    return context.json({ key, set: true });
  });

  app.delete('/functions/:name/secrets/:key', async (context) => {
    const { name, key } = context.req.param();
    if (!(await secrets.delete(name, key))) throw noSecret(name, key);
    return context.body(null, 204);
  });

  return app;
}

function noSecret(name: string, key: string): PilotlightError {
  return new PilotlightError('NO_ROUTE', `${name} has no secret ${key}; \`pilotlight secret list ${name}\` shows those it has`);
}
