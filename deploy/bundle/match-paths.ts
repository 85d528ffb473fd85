// Globs of a manifest against paths of a bundle: `*` and `?` inside one segment, `**` over segments.

/** The paths that any of the globs matches, sorted, each once. */
export function matchPaths(globs: readonly string[], paths: Iterable<string>): string[] {
  throw new Error(`bug: not built yet: ${globs.length} ${typeof paths}`);
}
