// Texts come in, one vector each goes out. All runs of a request are submitted at once: the pool decides how many run side by side.
import { batchesOf } from './batches.ts';
import type { Env } from './env.d.ts';
import { BadTexts, textsIn, type Encoding } from './texts-in.ts';

// Six decimals are more than INT8 or FP16 compute, and half of what a float32 would print.
const DECIMALS = 1e6;

export type Tokenize = (text: string) => readonly number[];

export async function embed(request: Request, env: Env, tokenize: Tokenize): Promise<Response> {
  try {
    const { texts, encoding } = await textsIn(request);
    const tokenLists = texts.map(tokenize);
    const { vectors, dimensions } = await vectorsOf(tokenLists, env, request.signal);
    return Response.json({ dimensions, tokens: tokenLists.map(({ length }) => length), embeddings: vectors.map((vector) => written(vector, encoding)) });
  } catch (error) {
    if (error instanceof BadTexts) return Response.json({ code: error.code, error: error.message }, { status: 400 });
    throw error;
  }
}

async function vectorsOf(
  tokenLists: readonly (readonly number[])[], env: Env, signal: AbortSignal,
): Promise<{ readonly vectors: readonly Float32Array[]; readonly dimensions: number }> {
  const vectors = new Array<Float32Array>(tokenLists.length);
  let dimensions = 0;
  await Promise.all(batchesOf(tokenLists).map(async ({ shape, data, rows }) => {
    const { embedding } = await env.MINILM.run({ tokens: { type: 'int64', shape, data } }, { signal });
    dimensions = embedding.shape[1] ?? 0;
    for (const [row, index] of rows.entries()) vectors[index] = embedding.data.subarray(row * dimensions, (row + 1) * dimensions);
  }));
  return { vectors, dimensions };
}

function written(vector: Float32Array, encoding: Encoding): readonly number[] | string {
  if (encoding === 'base64') return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
  return Array.from(vector, (value) => Math.round(value * DECIMALS) / DECIMALS);
}
