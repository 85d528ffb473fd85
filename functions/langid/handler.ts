// Text comes in, its language goes out. The model takes any length; the handler sends it three.
import type { Handler } from 'pilotlight';
import { answerOf } from './answer.ts';
import type { Env } from './env.d.ts';
import { BadText, textIn } from './text-in.ts';
import { tokensOf } from './tokens.ts';

export default {
  async fetch(request, env) {
    let text: string;
    try {
      text = await textIn(request);
    } catch (error) {
      if (error instanceof BadText) return Response.json({ error: error.message }, { status: 400 });
      throw error;
    }
    const data = tokensOf(text);
    const { logits } = await env.LANGID.run({ tokens: { type: 'int64', shape: [1, data.length], data } }, { signal: request.signal });
    return Response.json(answerOf(logits.data));
  },
} satisfies Handler<Env>;
