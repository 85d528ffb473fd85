import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerChunk, pngChunk, PNG_SIGNATURE, pngOf, type PngParts } from '../../test/support/png-of.ts';
import { BadPicture } from './bad-picture.ts';
import { PIXELS_MAX } from './png-file.ts';
import { readPng } from './png.ts';

/** Two pixels, the left one darker, in every colour type and bit depth that PNG has. */
const KINDS: readonly { readonly kind: string; readonly pixels: readonly number[]; readonly parts: Omit<PngParts, 'width' | 'height'> }[] = [
  {
    kind: '1-bit grey', pixels: [0, 0, 0, 255, 255, 255, 255, 255],
    parts: { depth: 1, colourType: 0, lines: Uint8Array.of(0, 0b0100_0000) },
  },
  {
    kind: '2-bit grey', pixels: [85, 85, 85, 255, 170, 170, 170, 255],
    parts: { depth: 2, colourType: 0, lines: Uint8Array.of(0, 0b0110_0000) },
  },
  {
    kind: '4-bit grey', pixels: [17, 17, 17, 255, 255, 255, 255, 255],
    parts: { depth: 4, colourType: 0, lines: Uint8Array.of(0, 0x1f) },
  },
  {
    kind: '8-bit grey', pixels: [9, 9, 9, 255, 200, 200, 200, 255],
    parts: { depth: 8, colourType: 0, lines: Uint8Array.of(0, 9, 200) },
  },
  {
    kind: '16-bit grey', pixels: [0, 0, 0, 255, 128, 128, 128, 255],
    parts: { depth: 16, colourType: 0, lines: Uint8Array.of(0, 0, 0, 0x80, 0x80) },
  },
  {
    kind: '8-bit grey with a transparent grey', pixels: [9, 9, 9, 255, 200, 200, 200, 0],
    parts: { depth: 8, colourType: 0, lines: Uint8Array.of(0, 9, 200), transparency: [0, 200] },
  },
  {
    kind: '8-bit RGB', pixels: [1, 2, 3, 255, 4, 5, 6, 255],
    parts: { depth: 8, colourType: 2, lines: Uint8Array.of(0, 1, 2, 3, 4, 5, 6) },
  },
  {
    kind: '8-bit RGB with a palette as a hint', pixels: [1, 2, 3, 255, 4, 5, 6, 255],
    parts: { depth: 8, colourType: 2, lines: Uint8Array.of(0, 1, 2, 3, 4, 5, 6), palette: [9, 9, 9] },
  },
  {
    kind: '16-bit RGB', pixels: [0, 128, 255, 255, 0, 0, 0, 255],
    parts: { depth: 16, colourType: 2, lines: Uint8Array.of(0, 0, 0, 0x80, 0x80, 0xff, 0xff, 0, 0, 0, 0, 0, 0) },
  },
  {
    kind: '1-bit palette', pixels: [1, 2, 3, 255, 4, 5, 6, 255],
    parts: { depth: 1, colourType: 3, lines: Uint8Array.of(0, 0b0100_0000), palette: [1, 2, 3, 4, 5, 6] },
  },
  {
    kind: '4-bit palette with transparency', pixels: [1, 2, 3, 7, 4, 5, 6, 255],
    parts: { depth: 4, colourType: 3, lines: Uint8Array.of(0, 0x01), palette: [1, 2, 3, 4, 5, 6], transparency: [7] },
  },
  {
    kind: '8-bit palette', pixels: [4, 5, 6, 255, 1, 2, 3, 255],
    parts: { depth: 8, colourType: 3, lines: Uint8Array.of(0, 1, 0), palette: [1, 2, 3, 4, 5, 6] },
  },
  {
    kind: '8-bit grey and alpha', pixels: [9, 9, 9, 10, 200, 200, 200, 255],
    parts: { depth: 8, colourType: 4, lines: Uint8Array.of(0, 9, 10, 200, 255) },
  },
  {
    kind: '8-bit RGBA', pixels: [1, 2, 3, 4, 5, 6, 7, 8],
    parts: { depth: 8, colourType: 6, lines: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8) },
  },
  {
    kind: '16-bit RGBA', pixels: [0, 0, 0, 0, 0, 0, 0, 128],
    parts: { depth: 16, colourType: 6, lines: Uint8Array.of(0, ...new Uint8Array(14), 0x80, 0x80) },
  },
  {
    kind: 'interlaced 8-bit grey', pixels: [9, 9, 9, 255, 200, 200, 200, 255],
    parts: { depth: 8, colourType: 0, interlace: 1, lines: Uint8Array.of(0, 9, 0, 200) },
  },
];

for (const { kind, parts, pixels } of KINDS) {
  test(`${kind} is read`, () => {
    const picture = readPng(pngOf({ width: 2, height: 1, ...parts }));
    assert.deepEqual({ ...picture, rgba: [...picture.rgba] }, { width: 2, height: 1, rgba: [...pixels] });
  });
}

test('8-bit RGB with a transparent colour is read', () => {
  const lines = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 1, 2, 4);
  const { rgba } = readPng(pngOf({ width: 3, height: 1, depth: 8, colourType: 2, lines, transparency: [0, 1, 0, 2, 0, 3] }));
  assert.deepEqual([...rgba], [1, 2, 3, 0, 4, 5, 6, 255, 1, 2, 4, 255]);
});

const GREY = { width: 2, height: 1, depth: 8, colourType: 0 };
const LINE = Uint8Array.of(0, 9, 200);
const GOOD = pngOf({ ...GREY, lines: LINE });
const END = pngChunk('IEND', new Uint8Array(0));

function changed(index: number, value: number): Buffer {
  const copy = Buffer.from(GOOD);
  copy[index] = value;
  return copy;
}

const WRONG: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['nothing', new Uint8Array(0), /not a PNG/],
  ['text', Buffer.from('a digit, please'), /not a PNG/],
  ['a JPEG', Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16), /not a PNG/],
  ['a signature alone', PNG_SIGNATURE, /cut off/],
  ['a PNG cut off in its pixels', GOOD.subarray(0, GOOD.length - 20), /cut off/],
  ['a PNG without its last chunk', GOOD.subarray(0, GOOD.length - 12), /cut off/],
  ['a chunk that claims 4 GiB', Buffer.concat([PNG_SIGNATURE, Buffer.from('\xff\xff\xff\xffIHDR', 'latin1'), new Uint8Array(30)]), /cut off/],
  ['pixels before the header', Buffer.concat([PNG_SIGNATURE, pngChunk('IDAT', LINE), headerChunk(GREY), END]), /one header/],
  ['two headers', pngOf({ ...GREY, lines: LINE, extra: [headerChunk({ ...GREY, width: 60000, height: 60000 })] }), /one header/],
  ['no pixels at all', Buffer.concat([PNG_SIGNATURE, headerChunk(GREY), END]), /cannot be unfolded/],
  ['a picture without width', pngOf({ ...GREY, width: 0, lines: LINE }), /0 x 1 pixels/],
  ['a picture larger than the limit', pngOf({ ...GREY, width: PIXELS_MAX + 1, lines: LINE }), /send at most/],
  ['4 billion by 4 billion pixels', pngOf({ ...GREY, width: 0xffffffff, height: 0xffffffff, lines: LINE }), /send at most/],
  ['an unknown colour type', pngOf({ ...GREY, colourType: 5, lines: LINE }), /colour type 5/],
  ['a bit depth that the colour type has not', pngOf({ ...GREY, depth: 4, colourType: 2, lines: LINE }), /with 4 bits/],
  ['a palette picture without palette', pngOf({ ...GREY, colourType: 3, lines: LINE }), /no palette/],
  ['a colour that the palette has not', pngOf({ ...GREY, colourType: 3, lines: LINE, palette: [1, 2, 3] }), /palette/],
  ['a palette of a million colours', pngOf({ ...GREY, colourType: 3, lines: LINE, palette: new Uint8Array(3e6) }), /PLTE chunk is too/],
  ['fewer pixels than the header says', pngOf({ ...GREY, height: 5, lines: LINE }), /3 bytes where the header says 15/],
  ['a bomb: two pixels that unfold to 64 MiB', pngOf({ ...GREY, lines: new Uint8Array(64 * 1024 * 1024) }), /more than the header says/],
  ['a wrong checksum', changed(GOOD.length - 14, 0x55), /damaged/],
  ['damaged pixels', changed(GOOD.length - 22, 0x55), /damaged/],
  ['an unknown filter', pngOf({ ...GREY, lines: Uint8Array.of(9, 9, 200) }), /damaged/],
  ['an interlaced picture of 1 bit', pngOf({ ...GREY, depth: 1, interlace: 1, lines: LINE }), /without interlacing/],
  ['an unknown interlacing', pngOf({ ...GREY, interlace: 2, lines: Uint8Array.of(0, 9, 0, 200) }), /damaged/],
];

for (const [what, bytes, text] of WRONG) {
  test(`${what} is refused in words that a caller understands`, () => {
    assert.throws(() => readPng(bytes), (error) => error instanceof BadPicture && text.test(error.message));
  });
}

test('chunks that the picture does not need are not even read', () => {
  const extra = [pngChunk('iCCP', Buffer.from('no profile')), pngChunk('tEXt', new Uint8Array(5))];
  assert.equal(readPng(pngOf({ ...GREY, lines: LINE, extra })).width, 2);
});

test('whatever bytes are changed or lost, the answer is a picture or BadPicture', () => {
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  const palette = { depth: 4, colourType: 3, palette: [0, 0, 0, 9, 9, 9], transparency: [1] };
  const whole = pngOf({ width: 9, height: 9, ...palette, lines: new Uint8Array(54) });
  for (let round = 0; round < 3000; round += 1) {
    const bytes = Buffer.from(whole.subarray(0, random(4) === 0 ? random(whole.length) : whole.length));
    for (let change = random(4); change > 0; change -= 1) bytes[8 + random(whole.length - 8)] = random(256);
    try {
      readPng(bytes);
    } catch (error) {
      assert.ok(error instanceof BadPicture, `round ${round}: ${String(error)}`);
    }
  }
});
