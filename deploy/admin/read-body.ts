// Reads request bodies of the admin API, bounded: the size that a caller tells is never trusted.
import type { HonoRequest } from 'hono';
import { PilotlightError, describeThrown } from '../../runtime/errors.ts';

/** Rejects BODY_TOO_LARGE past `bytesMax`, BAD_REQUEST when it is not UTF-8. */
export async function readText(request: HonoRequest, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.raw.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new PilotlightError('BODY_TOO_LARGE', `the body has more than the ${bytesMax} bytes that this address takes`);
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw new PilotlightError('BAD_REQUEST', 'the body is not valid UTF-8', { cause: error });
  }
}

/** An object, whatever is in it. */
export async function readJsonObject(request: HonoRequest, bytesMax: number): Promise<Readonly<Record<string, unknown>>> {
  const text = await readText(request, bytesMax);
  let value: unknown;
  try {
    value = text.trim() === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw new PilotlightError('BAD_REQUEST', `the body is not JSON: ${describeThrown(error)}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new PilotlightError('BAD_REQUEST', 'the body is not a JSON object');
  return value as Readonly<Record<string, unknown>>;
}
