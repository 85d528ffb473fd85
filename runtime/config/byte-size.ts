// Sizes as people write them: `4GiB`, `1.5 GB`, `512B`.
const UNITS: Readonly<Record<string, number>> = {
  B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40,
};

/** For a larger expression: two groups, which `bytesOf` takes. */
export const SIZE = String.raw`(\d+(?:\.\d+)?) ?([KMGT]i?B|B)`;

export function bytesOf(size: string, unit = 'B'): number {
  return Number(size) * (UNITS[unit] ?? 1);
}
