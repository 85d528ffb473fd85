// Globs of a manifest against paths of a bundle: `*` and `?` inside one segment, `**` over segments, a leading dot only when written.
// Both levels use one matcher without backtracking into earlier stars, so no glob takes more than length times length.

/** The paths that any of the globs matches, sorted, each once. */
export function matchPaths(globs: readonly string[], paths: Iterable<string>): string[] {
  const patterns = globs.map((glob) => glob.split('/'));
  const matched = new Set<string>();
  for (const path of paths) {
    const segments = path.split('/');
    if (patterns.some((pattern) => matchesPath(pattern, segments))) matched.add(path);
  }
  return [...matched].sort();
}

export function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}

function matchesPath(pattern: readonly string[], segments: readonly string[]): boolean {
  const hidden = segments.filter((segment) => segment.startsWith('.')).length;
  const hiddenWritten = pattern.filter((segment) => segment.startsWith('.')).length;
  // `**` takes any segment, so a hidden one that nobody wrote shows in the count.
  return hidden <= hiddenWritten && matchesSequence(pattern, segments, '**', matchesSegment);
}

function matchesSegment(pattern: string, segment: string): boolean {
  if (segment.startsWith('.') && !pattern.startsWith('.')) return false;
  return matchesSequence([...pattern], [...segment], '*', (one, character) => one === '?' || one === character);
}

/** `star` in the pattern stands for any number of items; a dead end lets the last star take one more. */
function matchesSequence(pattern: readonly string[], items: readonly string[], star: string, matches: (one: string, item: string) => boolean): boolean {
  let at = 0;
  let starAt = -1;
  let starTook = 0;
  for (let item = 0; item < items.length;) {
    const one = pattern[at];
    if (one === star) {
      [starAt, starTook] = [at, item];
      at += 1;
    } else if (one !== undefined && matches(one, items[item] ?? '')) {
      at += 1;
      item += 1;
    } else if (starAt !== -1) {
      starTook += 1;
      [at, item] = [starAt + 1, starTook];
    } else {
      return false;
    }
  }
  while (pattern[at] === star) at += 1;
  return at === pattern.length;
}
