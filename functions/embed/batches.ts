// Decides which texts run together and what they are padded to. An engine is slow the first time it meets a new shape, so there are
// only as many as `warm.inputs` of the manifest covers.

/** Tokens of a text are padded to the next of these. */
export const LENGTHS = [16, 32, 64, 128, 256] as const;
/** Texts of one run: alone, or up to eight. */
export const BATCHES = [1, 8] as const;

const [LONGEST, LARGEST] = [256, 8];

export interface Batch {
  readonly shape: readonly [texts: number, tokens: number];
  readonly data: BigInt64Array;
  /** Which text each row is. Rows beyond are padding. */
  readonly rows: readonly number[];
}

/** Texts of similar length run together, so that little of a run is padding. */
export function batchesOf(tokenLists: readonly (readonly number[])[]): readonly Batch[] {
  const byLength = tokenLists.map((_, index) => index).sort((a, b) => lengthOf(tokenLists, a) - lengthOf(tokenLists, b));
  const batches: Batch[] = [];
  for (let from = 0; from < byLength.length; from += LARGEST) batches.push(batchOf(tokenLists, byLength.slice(from, from + LARGEST)));
  return batches;
}

function batchOf(tokenLists: readonly (readonly number[])[], rows: readonly number[]): Batch {
  const longest = lengthOf(tokenLists, rows.at(-1) ?? 0);
  const tokens = LENGTHS.find((length) => longest <= length) ?? LONGEST;
  const texts = BATCHES.find((size) => rows.length <= size) ?? LARGEST;
  const data = new BigInt64Array(texts * tokens);
  for (const [row, index] of rows.entries()) {
    for (const [place, id] of (tokenLists[index] ?? []).entries()) data[row * tokens + place] = BigInt(id);
  }
  return { shape: [texts, tokens], data, rows };
}

function lengthOf(tokenLists: readonly (readonly number[])[], index: number): number {
  return tokenLists[index]?.length ?? 0;
}
