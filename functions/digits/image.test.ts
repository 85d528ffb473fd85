import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BadPicture } from './bad-picture.ts';
import { imageOf } from './image.ts';
import type { Picture } from './png.ts';

type Colour = readonly [number, number, number, number];

const WHITE: Colour = [255, 255, 255, 255];
const BLACK: Colour = [0, 0, 0, 255];

/** A bar of ink, `box` = [left, top, width, height], on paper. */
function page(width: number, height: number, box: readonly [number, number, number, number], ink: Colour, paper: Colour): Picture {
  const [left, top, wide, high] = box;
  const rgba = Uint8Array.from({ length: width * height * 4 }, (_, index) => {
    const [x, y] = [(index >> 2) % width, Math.floor((index >> 2) / width)];
    const inside = x >= left && x < left + wide && y >= top && y < top + high;
    return (inside ? ink : paper)[index % 4] ?? 0;
  });
  return { width, height, rgba };
}

function rowsWithInk(image: Float32Array): number[] {
  return Array.from({ length: 28 }, (_, row) => row).filter((row) => image.subarray(row * 28, row * 28 + 28).some((value) => value > 0.5));
}

test('the model sees the same image whatever the size of the page and the place on it', () => {
  const small = imageOf(page(10, 12, [4, 2, 2, 8], BLACK, WHITE));
  const large = imageOf(page(300, 200, [20, 60, 30, 120], BLACK, WHITE));
  assert.equal(small.length, 28 * 28);
  small.forEach((value, index) => assert.ok(Math.abs(value - (large[index] ?? 0)) < 1e-5, `pixel ${index}`));
});

test('the digit is 20 pixels long and in the middle', () => {
  const rows = rowsWithInk(imageOf(page(50, 50, [10, 5, 4, 30], BLACK, WHITE)));
  assert.deepEqual([rows[0], rows.at(-1)], [4, 23]);
});

const LOOKS: readonly (readonly [string, Colour, Colour])[] = [
  ['light on dark', WHITE, BLACK],
  ['pale on white', [200, 200, 200, 255], WHITE],
  ['red on a green of the same brightness', [150, 0, 0, 255], [0, 77, 0, 255]],
  ['black on a transparent canvas', BLACK, [0, 0, 0, 0]],
  ['white on a transparent canvas', WHITE, [255, 255, 255, 0]],
  ['black half transparent on white', [0, 0, 0, 128], WHITE],
];

for (const [look, ink, paper] of LOOKS) {
  test(`${look} is the same image as black on white`, () => {
    const expected = imageOf(page(20, 20, [8, 4, 4, 12], BLACK, WHITE));
    assert.deepEqual(imageOf(page(20, 20, [8, 4, 4, 12], ink, paper)), expected);
  });
}

test('an empty page is refused, not guessed at', () => {
  assert.throws(() => imageOf(page(20, 20, [0, 0, 0, 0], BLACK, WHITE)), BadPicture);
  assert.throws(() => imageOf(page(20, 20, [8, 4, 4, 12], [250, 250, 250, 255], WHITE)), /empty/);
  assert.throws(() => imageOf(page(1, 1, [0, 0, 1, 1], BLACK, WHITE)), BadPicture);
});

test('a dot, a line and a page of one row still give an image', () => {
  const pages = [[9, 9, [4, 4, 1, 1]], [400, 5, [10, 2, 380, 1]], [31, 1, [15, 0, 1, 1]]] as const;
  for (const [width, height, box] of pages) {
    const image = imageOf(page(width, height, box, BLACK, WHITE));
    assert.ok(image.every((value) => value >= 0 && value <= 1.001), 'between paper and ink');
    assert.ok(image.some((value) => value > 0.3), 'with ink');
  }
});
