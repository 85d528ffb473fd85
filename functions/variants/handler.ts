// { "pixels": [784 numbers] } comes in, from 0 for paper to 1 for ink, and { "digit" } goes out. It knows nothing of the variants: all of them
// take the same inputs and give the same outputs.
import type { Handler } from 'pilotlight';
import type { Env } from './env.d.ts';
import { pixelsIn } from './pixels-in.ts';

export default {
  async fetch(request, env) {
    const pixels = pixelsIn(await request.text());
    if (typeof pixels === 'string') return Response.json({ error: pixels }, { status: 400 });
    const { logits } = await env.DIGITS.run({ image: { type: 'float32', shape: [1, 1, 28, 28], data: pixels } }, { signal: request.signal });
    return Response.json({ digit: logits.data.indexOf(Math.max(...logits.data)) });
  },
} satisfies Handler<Env>;
