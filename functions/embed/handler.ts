// The handler: the tokenizer is made once an isolate, when a deploy starts it, and the rest is in embed.ts.
import type { Handler } from 'pilotlight';
import { embed } from './embed.ts';
import type { Env } from './env.d.ts';
import { tokenizerOf } from './tokenizer.ts';
import vocabulary from './vocab.txt';

const tokenize = tokenizerOf(vocabulary);

export default {
  fetch: (request, env) => embed(request, env, tokenize),
} satisfies Handler<Env>;
