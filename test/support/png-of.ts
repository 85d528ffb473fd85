// Makes PNGs chunk by chunk, right ones of every kind and wrong ones that no encoder would write.
import { crc32, deflateSync } from 'node:zlib';

export interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA. */
  readonly colourType: number;
  /** Scan lines, each with its filter byte in front. */
  readonly lines: Uint8Array;
  readonly interlace?: number;
  readonly palette?: ArrayLike<number>;
  readonly transparency?: ArrayLike<number>;
  /** Chunks between header and pixels. */
  readonly extra?: readonly Uint8Array[];
}

export const PNG_SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

export function pngOf(parts: PngParts): Buffer {
  const { palette, transparency, extra = [] } = parts;
  return Buffer.concat([
    PNG_SIGNATURE,
    headerChunk(parts),
    ...extra,
    ...(palette === undefined ? [] : [pngChunk('PLTE', Uint8Array.from(palette))]),
    ...(transparency === undefined ? [] : [pngChunk('tRNS', Uint8Array.from(transparency))]),
    pngChunk('IDAT', deflateSync(parts.lines)),
    pngChunk('IEND', new Uint8Array(0)),
  ]);
}

export function headerChunk({ width, height, depth, colourType, interlace = 0 }: Omit<PngParts, 'lines'>): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colourType, 0, 0, interlace], 8);
  return pngChunk('IHDR', header);
}

export function pngChunk(type: string, content: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  checksum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, checksum]);
}
