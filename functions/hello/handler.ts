// The smallest handler: a request comes in, a response goes out. It has the shape of a Workers module, so a Hono app would do as well.
import type { Handler } from 'pilotlight';
import type { Env } from './env.d.ts';
import { nameIn } from './name-in.ts';

export default {
  fetch(request, env) {
    const name = nameIn(request.url);
    if (name === undefined) return Response.json({ error: 'the name in the path is not valid percent-encoded UTF-8' }, { status: 400 });
    return Response.json({ message: `${env.GREETING}, ${name}!` });
  },
} satisfies Handler<Env>;
