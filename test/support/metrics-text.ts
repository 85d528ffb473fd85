// Reads numbers out of OpenMetrics text, for tests that ask what /metrics says.

/** The sum over all lines of a metric whose labels contain this text; 0 when there is none. */
export function sumOf(text: string, name: string, labels = ''): number {
  const lines = text.split('\n').filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(labels));
  return lines.reduce((sum, line) => sum + Number(/(?:\}|^\S+) ([\d.e+-]+)/.exec(line)?.[1]), 0);
}
