// A PNG of a handwritten digit comes in, { digit, confidence } goes out. The handler reads in the order of the work:
// read the picture, bring it into the model's shape, run the model, say what came out.
import type { Handler } from 'pilotlight';
import { answerOf } from './answer.ts';
import { BadPicture } from './bad-picture.ts';
import type { Env } from './env.d.ts';
import { imageOf } from './image.ts';
import { readPng } from './png.ts';

export default {
  async fetch(request, env, context) {
    const body = new Uint8Array(await request.arrayBuffer());
    let image: Float32Array;
    try {
      // A span of its own in the request's trace: it tells how long the picture took.
      image = await context.span('read picture', () => imageOf(readPng(body)));
    } catch (error) {
      if (error instanceof BadPicture) return Response.json({ error: error.message }, { status: 400 });
      throw error; // anything else is a bug: the host answers 500 HANDLER_FAILED
    }
    const { logits } = await env.DIGITS.run({ image: { type: 'float32', shape: [1, 1, 28, 28], data: image } }, { signal: request.signal });
    return Response.json(answerOf(logits.data));
  },
} satisfies Handler<Env>;
