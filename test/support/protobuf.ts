// Writes protocol buffers by hand: the four kinds of field that ONNX models use. A message is a list of
// byte chunks that is joined once at the end, so that a large tensor is never copied twice.

export type Message = readonly Uint8Array[];

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const utf8 = new TextEncoder();

/** An integer field; negative numbers take ten bytes, as int64 does. */
export function integer(field: number, value: number | bigint): Message {
  return [key(field, VARINT), varint(BigInt(value))];
}

export function float(field: number, value: number): Message {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return [key(field, FIXED32), bytes];
}

export function bytes(field: number, value: Uint8Array): Message {
  return [key(field, LENGTH_DELIMITED), varint(BigInt(value.byteLength)), value];
}

export function text(field: number, value: string): Message {
  return bytes(field, utf8.encode(value));
}

export function message(field: number, ...parts: readonly Message[]): Message {
  const body = parts.flat();
  return [key(field, LENGTH_DELIMITED), varint(BigInt(byteLength(body))), ...body];
}

/** Joins the parts of the outermost message. */
export function encode(...parts: readonly Message[]): Uint8Array {
  const body = parts.flat();
  const joined = new Uint8Array(byteLength(body));
  let offset = 0;
  for (const chunk of body) {
    joined.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return joined;
}

function byteLength(body: Message): number {
  return body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
}

function key(field: number, wire: number): Uint8Array {
  return varint(BigInt((field << 3) | wire));
}

function varint(value: bigint): Uint8Array {
  const octets: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    octets.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Uint8Array.from(octets);
}
