// What a TensorRT plan says of itself without being loaded: the version that built it. All else is told by the file beside it (sidecar.ts).
import { open } from 'node:fs/promises';
import { PilotlightError, describeThrown } from '../../runtime/errors.ts';

const MAGIC = 'ftrt';
const HEADER_BYTES = 28;
const SERIALIZATION_AT = 4;
const VERSION_AT = 24;

/** `10.6.0.26`; undefined: a serialization that nobody has seen, which need not be bad. Throws BAD_MODEL for what is no plan. */
export function planVersionOf(head: Uint8Array, file: string): string | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (bytes.length < HEADER_BYTES) throw new PilotlightError('BAD_MODEL', `${file}: is too short for a TensorRT plan`);
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) throw new PilotlightError('BAD_MODEL', `${file}: is no TensorRT plan: it does not begin as one`);
  // Where the version stands depends on this number; so far it always was 0.
  if (bytes.readUInt32LE(SERIALIZATION_AT) !== 0) return undefined;
  return [...bytes.subarray(VERSION_AT, HEADER_BYTES)].join('.');
}

/** Reads no more than the header. `name` is how messages name the file. */
export async function readPlanVersion(file: string, name = file): Promise<string | undefined> {
  try {
    await using handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return planVersionOf(buffer.subarray(0, bytesRead), name);
  } catch (error) {
    if (error instanceof PilotlightError) throw error;
    throw new PilotlightError('BAD_MODEL', `${name}: cannot be read: ${describeThrown(error)}`, { cause: error });
  }
}
