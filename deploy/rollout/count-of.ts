// How messages of rollouts and commands count: `1 file`, `2 files`.

export function countOf(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
