// Turns a PNG of any colour type and bit depth into pixels of one kind, so that nothing after this file asks what was sent.
import { convertIndexedToRgb, decode } from 'fast-png';
import { BadPicture } from './bad-picture.ts';
import { checkedPng } from './png-file.ts';

/** Eight bits a channel, four channels a pixel, row by row from the top. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

/** Throws BadPicture. */
export function readPng(bytes: Uint8Array): Picture {
  const checked = checkedPng(bytes);
  try {
    const png = decode(checked, { checkCrc: true });
    return { width: png.width, height: png.height, rgba: toRgba(png) };
  } catch (error) {
    throw new BadPicture(`the PNG is damaged: ${error instanceof Error ? error.message : 'it cannot be decoded'}`);
  }
}

type Decoded = ReturnType<typeof decode>;

/** Samples of any depth and number of channels as eight-bit RGBA. */
function toRgba(png: Decoded): Uint8Array {
  const { channels, samples, highest } = samplesOf(png);
  const colours = channels < 3 ? 1 : 3;
  const key = png.transparency?.subarray(0, colours); // the one colour that means "transparent"
  const rgba = new Uint8Array(png.width * png.height * 4);
  const level = (at: number): number => Math.round(((samples[at] ?? 0) * 255) / highest);
  for (let from = 0, to = 0; to < rgba.length; from += channels, to += 4) {
    rgba[to] = level(from);
    rgba[to + 1] = colours === 1 ? level(from) : level(from + 1);
    rgba[to + 2] = colours === 1 ? level(from) : level(from + 2);
    rgba[to + 3] = 255;
    if (channels > colours) rgba[to + 3] = level(from + colours);
    else if (key?.every((value, channel) => samples[from + channel] === value)) rgba[to + 3] = 0;
  }
  return rgba;
}

interface Samples {
  readonly channels: number;
  readonly samples: ArrayLike<number>;
  /** The value of full brightness. */
  readonly highest: number;
}

function samplesOf(png: Decoded): Samples {
  if (png.palette !== undefined) {
    const samples = convertIndexedToRgb(png);
    return { channels: samples.length / (png.width * png.height), samples, highest: 255 };
  }
  const samples = png.depth < 8 ? unpackBits(png) : png.data;
  return { channels: png.channels, samples, highest: 2 ** png.depth - 1 };
}

/** Greys of 1, 2 or 4 bits: several in a byte, each row beginning with a fresh one. */
function unpackBits({ width, height, depth, data }: Decoded): Uint8Array {
  const samples = new Uint8Array(width * height);
  const bytesPerRow = Math.ceil((width * depth) / 8);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const byte = data[y * bytesPerRow + ((x * depth) >> 3)] ?? 0;
      samples[y * width + x] = (byte >> (8 - depth - ((x * depth) & 7))) & (2 ** depth - 1);
    }
  }
  return samples;
}
