// What a caller sent, as the model takes it: 28 rows of 28 numbers.

const COUNT = 28 * 28;

/** The pixels, or what is wrong with them in words for the caller. */
export function pixelsIn(text: string): Float32Array | string {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return 'the body is not JSON: send { "pixels": [...] }';
  }
  const pixels = typeof body === 'object' && body !== null && 'pixels' in body ? body.pixels : undefined;
  if (!Array.isArray(pixels) || pixels.length !== COUNT) return `"pixels" is not a list of ${COUNT} numbers: send 28 rows of 28, one after the other`;
  const wrong = pixels.findIndex((pixel) => typeof pixel !== 'number' || !(pixel >= 0 && pixel <= 1));
  return wrong === -1 ? Float32Array.from(pixels as number[]) : `pixels[${wrong}] is ${JSON.stringify(pixels[wrong])}: expected a number from 0 (paper) to 1 (ink)`;
}
