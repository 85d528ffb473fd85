// The conditions on versions that a manifest may write: `1.20` is met by every version that begins with these parts, `>=1.20`
// by that one and all later ones. Parts are numbers: 1.9 comes before 1.20.

/** `found` may go on after its numbers (`1.20.1-dev`). False when it is unknown. */
export function meetsVersion(condition: string, found: string | undefined): boolean {
  const have = partsOf(found ?? '');
  if (have.length === 0) return false;
  const isMinimum = condition.startsWith('>=');
  const want = partsOf(isMinimum ? condition.slice(2) : condition);
  const differing = want.findIndex((part, index) => part !== (have[index] ?? 0));
  return differing === -1 || (isMinimum && (have[differing] ?? 0) > (want[differing] ?? 0));
}

export function describeVersions(condition: string): string {
  return condition.startsWith('>=') ? `${condition.slice(2)} or later` : condition;
}

function partsOf(version: string): readonly number[] {
  return /^\d+(\.\d+)*/.exec(version)?.[0].split('.').map(Number) ?? [];
}
