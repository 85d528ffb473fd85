// Which model the next request asks for, as an index.

/** From 0 to 1; the same numbers for the same seed (xorshift32: G. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 2003). */
export function randomNumbers(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The n-th most wanted of `count` is asked for 1/n times as often as the first; which that is, is shuffled. */
export function zipf(count: number, random: () => number): () => number {
  const shuffled = Array.from({ length: count }, (_, index) => ({ index, at: random() })).sort((a, b) => a.at - b.at).map(({ index }) => index);
  let sum = 0;
  const upTo = Array.from({ length: count }, (_, index) => (sum += 1 / (index + 1)));
  return () => {
    const wanted = random() * sum;
    const rank = upTo.findIndex((limit) => wanted < limit);
    return shuffled[rank] ?? 0;
  };
}

/** One after the other, again and again. */
export function cyclic(count: number): () => number {
  let next = 0;
  return () => next++ % count;
}
