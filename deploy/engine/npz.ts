// Reads tensors that NumPy has saved together: `np.savez("0.npz", ids=ids, mask=mask)`, a zip archive of .npy files.
import { inflateRawSync } from 'node:zlib';
import type { Tensor } from '../../runtime/engine/tensor.ts';
import { PilotlightError, describeThrown } from '../../runtime/errors.ts';
import { parseNpy } from './npy.ts';

const END = 0x06054b50;
const END_BYTES = 22;
const COMMENT_BYTES_MAX = 65_535;
const ENTRY = 0x02014b50;
const STORED = 0;
const DEFLATED = 8;
const TENSOR_BYTES_MAX = 2 ** 31;

/** By name. Throws BAD_TENSOR with the file, what was found and what would do. */
export function parseNpz(bytes: Uint8Array, file: string): Readonly<Record<string, Tensor>> {
  const archive = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return Object.fromEntries(entriesOf(archive).map(({ name, content }) => [name.replace(/\.npy$/, ''), parseNpy(content, `${file} (${name})`)]));
  } catch (error) {
    if (error instanceof PilotlightError) throw error;
    throw new PilotlightError('BAD_TENSOR', `${file}: is no whole .npz file (${describeThrown(error)}); write it with np.savez`, { cause: error });
  }
}

interface Entry {
  readonly name: string;
  readonly content: Buffer;
}

/** Reading past the end throws, as Buffer does. */
function entriesOf(archive: Buffer): readonly Entry[] {
  const end = findEnd(archive);
  const entries: Entry[] = [];
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (archive.readUInt32LE(at) !== ENTRY) throw new RangeError(`there is no entry at byte ${at}`);
    const [nameLength, extraLength, commentLength] = [archive.readUInt16LE(at + 28), archive.readUInt16LE(at + 30), archive.readUInt16LE(at + 32)];
    entries.push({ name: archive.toString('utf8', at + 46, at + 46 + nameLength), content: contentOf(archive, at) });
    at += 46 + nameLength + extraLength + commentLength;
  }
  return entries;
}

function findEnd(archive: Buffer): number {
  for (let at = archive.length - END_BYTES; at >= Math.max(0, archive.length - END_BYTES - COMMENT_BYTES_MAX); at -= 1) {
    if (archive.readUInt32LE(at) === END) return at;
  }
  throw new RangeError('it does not end as an archive does');
}

/** The sizes stand in the directory; where the content begins is told by the header before it. */
function contentOf(archive: Buffer, entry: number): Buffer {
  const [method, packed, size, header] = [archive.readUInt16LE(entry + 10), archive.readUInt32LE(entry + 20), archive.readUInt32LE(entry + 24), archive.readUInt32LE(entry + 42)];
  const from = header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
  if (size > TENSOR_BYTES_MAX || from + packed > archive.length) throw new RangeError('a part of it is missing');
  const content = archive.subarray(from, from + packed);
  if (method === STORED) return content;
  if (method === DEFLATED) return inflateRawSync(content, { maxOutputLength: size });
  throw new RangeError(`it is packed by method ${method}`);
}
