// How residency knows a version: the whole digest, since two versions may share its first digits.

export function versionId(name: string, version: string): string {
  return `${name}@${version}`;
}
