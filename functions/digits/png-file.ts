// Decides whether a PNG that anyone may have sent is safe to decode. The rule: the header says how big the picture is,
// it is checked first, and nothing may unfold to more than that. Chunks that the picture does not need are dropped unread.
import { inflateSync } from 'node:zlib';
import { BadPicture } from './bad-picture.ts';

/** 2,048 x 2,048, or any other shape of that many pixels. */
export const PIXELS_MAX = 4_194_304;

/** The same picture, with nothing in it that a decoder could choke on. Throws BadPicture. */
export function checkedPng(bytes: Uint8Array): Uint8Array {
  const chunks = splitChunks(bytes);
  const header = readHeader(chunks);
  checkUnfoldedSize(chunks, header);
  // A palette beside full colours is only a hint for old screens.
  const needed = chunks.filter(({ type }) => type !== 'PLTE' || header.isIndexed);
  return Buffer.concat([SIGNATURE, ...needed.map(({ whole }) => whole)]);
}

interface Chunk {
  readonly type: string;
  readonly content: Uint8Array;
  /** With length, type and checksum. */
  readonly whole: Uint8Array;
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly bitsPerPixel: number;
  /** Its pixels are numbers of colours in a palette. */
  readonly isIndexed: boolean;
  readonly isInterlaced: boolean;
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** The chunks that are kept, and how many bytes each may hold. */
const KEPT = new Map([['IHDR', 13], ['PLTE', 768], ['tRNS', 256], ['IDAT', Infinity], ['IEND', 0]]);

interface ColourType {
  readonly channels: number;
  readonly depths: readonly number[];
}

const COLOUR_TYPES: Readonly<Record<number, ColourType>> = {
  0: { channels: 1, depths: [1, 2, 4, 8, 16] }, // grey
  2: { channels: 3, depths: [8, 16] }, // red, green, blue
  3: { channels: 1, depths: [1, 2, 4, 8] }, // palette
  4: { channels: 2, depths: [8, 16] }, // grey and alpha
  6: { channels: 4, depths: [8, 16] },
};
const NO_COLOUR_TYPE: ColourType = { channels: 0, depths: [] };

function splitChunks(bytes: Uint8Array): readonly Chunk[] {
  if (SIGNATURE.some((byte, index) => bytes[index] !== byte)) {
    throw new BadPicture('the body is not a PNG: send the bytes of a PNG file as they are');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let offset = SIGNATURE.length; offset + 12 <= bytes.length;) {
    const end = offset + 12 + view.getUint32(offset);
    if (end > bytes.length) break;
    const type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
    const bytesMax = KEPT.get(type);
    const content = bytes.subarray(offset + 8, end - 4);
    if (bytesMax !== undefined && content.length > bytesMax) throw new BadPicture(`the PNG is damaged: its ${type} chunk is too long`);
    if (bytesMax !== undefined) chunks.push({ type, content, whole: bytes.subarray(offset, end) });
    if (type === 'IEND') return chunks;
    offset = end;
  }
  throw new BadPicture(`the PNG is cut off: it ends after ${bytes.length} bytes without its last chunk`);
}

function readHeader(chunks: readonly Chunk[]): Header {
  const [first, ...others] = chunks;
  if (first?.type !== 'IHDR' || first.content.length !== 13 || others.some(({ type }) => type === 'IHDR')) {
    throw new BadPicture('the PNG is damaged: it must begin with one header chunk of 13 bytes');
  }
  const view = new DataView(first.content.buffer, first.content.byteOffset, first.content.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colourType, interlace] = [view.getUint8(8), view.getUint8(9), view.getUint8(12)];
  if (width === 0 || height === 0) throw new BadPicture(`the PNG is damaged: its header says ${width} x ${height} pixels`);
  if (width * height > PIXELS_MAX) {
    throw new BadPicture(`the picture has ${width} x ${height} pixels; send at most ${PIXELS_MAX}, as in 2048 x 2048`);
  }
  const { channels, depths } = COLOUR_TYPES[colourType] ?? NO_COLOUR_TYPE;
  if (!depths.includes(depth)) throw new BadPicture(`the PNG is damaged: there is no colour type ${colourType} with ${depth} bits`);
  const isIndexed = colourType === 3;
  if (isIndexed && !others.some(({ type }) => type === 'PLTE')) {
    throw new BadPicture('the PNG is damaged: it has no palette for its colours');
  }
  const isInterlaced = interlace !== 0;
  if (isInterlaced && depth < 8) {
    throw new BadPicture('interlaced PNGs with less than 8 bits a pixel are not read; save it without interlacing');
  }
  return { width, height, bitsPerPixel: channels * depth, isIndexed, isInterlaced };
}

/** Every scan line has one byte in front; Adam7 sends seven smaller pictures, [x, y, step in x, step in y], one after the other. */
const PASSES = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]] as const;

function unfoldedSize({ width, height, bitsPerPixel, isInterlaced }: Header): number {
  const passes = isInterlaced ? PASSES : [[0, 0, 1, 1]] as const;
  return passes.reduce((size, [x, y, stepX, stepY]) => {
    const [columns, rows] = [Math.ceil((width - x) / stepX), Math.ceil((height - y) / stepY)];
    return columns > 0 && rows > 0 ? size + rows * (1 + Math.ceil((columns * bitsPerPixel) / 8)) : size;
  }, 0);
}

/** The decoder puts no bound on what it unfolds, and a megabyte of zeros can be sent in a kilobyte: so unfold once with a bound, first. */
function checkUnfoldedSize(chunks: readonly Chunk[], header: Header): void {
  const expected = unfoldedSize(header);
  const pixels = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ content }) => content));
  let found: number;
  try {
    found = inflateSync(pixels, { maxOutputLength: expected }).length;
  } catch (error) {
    const reason = error instanceof RangeError ? 'they unfold to more than the header says' : 'they cannot be unfolded';
    throw new BadPicture(`the PNG is damaged in its pixels: ${reason}`);
  }
  if (found !== expected) throw new BadPicture(`the PNG is damaged in its pixels: ${found} bytes where the header says ${expected}`);
}
