// Names the right word for a mistyped one: the end of every message about something unknown.

/** The candidate with the fewest edits, if they are few enough for a slip of the fingers. */
export function nearestName(wrong: string, candidates: readonly string[]): string | undefined {
  // A made-up name of a megabyte must not cost its square.
  const asked = wrong.slice(0, 64).toLowerCase();
  let nearest: string | undefined;
  let fewest = Math.max(2, Math.floor(asked.length / 3)) + 1;
  for (const candidate of candidates) {
    const edits = startsAlike(asked, candidate.toLowerCase()) ? 1 : countEdits(asked, candidate.toLowerCase());
    if (edits < fewest) [nearest, fewest] = [candidate, edits];
  }
  return nearest;
}

/** `warning` for warn, `drain` for drainTimeoutMs: too many edits, yet plain. */
function startsAlike(one: string, other: string): boolean {
  return Math.min(one.length, other.length) >= 4 && (one.startsWith(other) || other.startsWith(one));
}

/** Levenshtein's distance, one row of his table at a time. */
function countEdits(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [row, letter] of [...from].entries()) {
    const current = [row + 1];
    for (const [column, wanted] of [...to].entries()) {
      const replaced = (above[column] ?? 0) + (letter === wanted ? 0 : 1);
      current.push(Math.min(replaced, (above[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    above = current;
  }
  return above.at(-1) ?? 0;
}
