// Brings a picture of any size and colours into the one form that the model was trained on: a 28 x 28 field of ink,
// 0 for paper and 1 for ink, the digit 20 long and in the middle. train.py does the same to its drawings.
import { BadPicture } from './bad-picture.ts';
import type { Picture } from './png.ts';

const SIDE = 28;
const BOX = 20;
/** What counts as ink when the digit's box is measured. */
const INK_MIN = 0.3;
/** Less difference than this between ink and paper, of 1, is an empty page. */
const CONTRAST_MIN = 0.08;

/** The model's `image`, 1 x 1 x 28 x 28. Throws BadPicture when there is nothing on the page. */
export function imageOf(picture: Picture): Float32Array {
  const { width, height } = picture;
  const ink = toFullContrast(inkOf(picture));
  const box = boxOf(ink, width, height);
  const scale = BOX / Math.max(box.width, box.height);
  const small = { width: Math.max(1, Math.round(box.width * scale)), height: Math.max(1, Math.round(box.height * scale)) };
  return inTheMiddle(resize(ink, width, box, small), small);
}

interface Size {
  readonly width: number;
  readonly height: number;
}

interface Box extends Size {
  readonly left: number;
  readonly top: number;
}

/**
 * Ink is whatever differs from the paper, and the paper is what most of the border shows: so dark on light, light on dark
 * and colours are all the same.
 */
function inkOf({ width, height, rgba }: Picture): Float32Array {
  const border = borderOf(width, height);
  const at = (pixel: number, channel: number): number => rgba[pixel * 4 + channel] ?? 0;
  const paper = [0, 1, 2, 3].map((channel) => median(border.map((pixel) => at(pixel, channel))));
  const [red = 0, green = 0, blue = 0, alpha = 0] = paper;
  const isClear = alpha < 128; // a transparent canvas: ink is what is not
  const ink = new Float32Array(width * height);
  for (let pixel = 0; pixel < ink.length; pixel += 1) {
    const difference = Math.max(Math.abs(at(pixel, 0) - red), Math.abs(at(pixel, 1) - green), Math.abs(at(pixel, 2) - blue));
    ink[pixel] = ((isClear ? 255 : difference) * at(pixel, 3)) / (255 * 255);
  }
  return ink;
}

/** The numbers of the pixels along the four sides. */
function borderOf(width: number, height: number): readonly number[] {
  const pixels: number[] = [];
  for (let x = 0; x < width; x += 1) pixels.push(x, (height - 1) * width + x);
  for (let y = 0; y < height; y += 1) pixels.push(y * width, y * width + width - 1);
  return pixels;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function toFullContrast(ink: Float32Array): Float32Array {
  let darkest = 0;
  for (const value of ink) darkest = Math.max(darkest, value);
  if (darkest < CONTRAST_MIN) throw new BadPicture('the picture is empty: no digit stands out from its background');
  return ink.map((value) => value / darkest);
}

/** The smallest box around all ink; there is some, since the contrast is full. */
function boxOf(ink: Float32Array, width: number, height: number): Box {
  let [left, right, top, bottom] = [width, 0, height, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if ((ink[y * width + x] ?? 0) <= INK_MIN) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = y + 1;
    }
  }
  return { left, top, width: right - left, height: bottom - top };
}

/** Larger by interpolation, smaller by averaging: first along the rows, then along the columns. */
function resize(ink: Float32Array, stride: number, box: Box, to: Size): Float32Array {
  const columns = mixes(box.width, to.width);
  const rows = mixes(box.height, to.height);
  const narrow = new Float32Array(box.height * to.width);
  for (let y = 0; y < box.height; y += 1) {
    columns.forEach((mix, x) => { narrow[y * to.width + x] = mixed(mix, ink, (box.top + y) * stride + box.left, 1); });
  }
  const small = new Float32Array(to.height * to.width);
  rows.forEach((mix, y) => {
    for (let x = 0; x < to.width; x += 1) small[y * to.width + x] = mixed(mix, narrow, x, to.width);
  });
  return small;
}

/** How one new pixel is mixed from old ones: the first of them, and how much of each. */
interface Mix {
  readonly first: number;
  readonly weights: readonly number[];
}

/** A triangle as wide as two old pixels, or two new ones if these are larger. */
function mixes(from: number, to: number): readonly Mix[] {
  const scale = from / to;
  const reach = Math.max(1, scale);
  return Array.from({ length: to }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const [first, end] = [Math.max(0, Math.floor(centre - reach + 0.5)), Math.min(from, Math.floor(centre + reach + 0.5))];
    const weights = Array.from({ length: end - first }, (_unused, at) => Math.max(0, 1 - Math.abs(first + at + 0.5 - centre) / reach));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/** `start` is where the row or column begins in `old`, `step` the way from one of its pixels to the next. */
function mixed({ first, weights }: Mix, old: Float32Array, start: number, step: number): number {
  return weights.reduce((sum, weight, index) => sum + weight * (old[start + (first + index) * step] ?? 0), 0);
}

function inTheMiddle(small: Float32Array, { width, height }: Size): Float32Array {
  const image = new Float32Array(SIDE * SIDE);
  const [left, top] = [(SIDE - width) >> 1, (SIDE - height) >> 1];
  for (let y = 0; y < height; y += 1) image.set(small.subarray(y * width, (y + 1) * width), (top + y) * SIDE + left);
  return image;
}
