// Turns text into the model's tokens: a byte of UTF-8 is one token, 1 to 256, and 0 pads. train.py does the same.
// Every new shape costs an engine a slow first run, so there are only three: what `warm.inputs` of the manifest covers.

/** What texts are padded to. Longer ones are cut: five hundred bytes are plenty to tell a language. */
export const LENGTHS = [32, 128, 512] as const;

const LONGEST = 512;

export function tokensOf(text: string): BigInt64Array {
  // A character is at least a byte, so that no more of a long text needs to be encoded.
  const bytes = new TextEncoder().encode(text.slice(0, LONGEST)).subarray(0, LONGEST);
  const tokens = new BigInt64Array(LENGTHS.find((length) => bytes.length <= length) ?? LONGEST);
  bytes.forEach((byte, index) => { tokens[index] = BigInt(byte + 1); });
  return tokens;
}
