// Paths inside a function's folder and inside a bundle, written with `/`. The rule that keeps a bundle from
// naming anything outside its own folder, on any operating system.

/** One segment; also what file systems commonly allow. */
const SEGMENT_BYTES_MAX = 255;
const PATH_BYTES_MAX = 1024;
const SEGMENTS_MAX = 32;

/** Why a path cannot be inside a bundle; undefined when it can. */
export function whyNotInside(path: string): string | undefined {
  if (path === '') return 'it is empty';
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) return `it is longer than ${PATH_BYTES_MAX} bytes`;
  if (hasControlCharacter(path)) return 'it has a control character';
  if (/\p{Surrogate}/u.test(path)) return 'it is not valid Unicode';
  if (path.startsWith('/')) return 'it is absolute; write it relative to the manifest';
  if (/^[A-Za-z]:/.test(path)) return 'it names a drive; write it relative to the manifest';
  if (path.includes('\\')) return 'it has a backslash; write `/`';
  const segments = path.split('/');
  if (segments.length > SEGMENTS_MAX) return `it is deeper than ${SEGMENTS_MAX} folders`;
  for (const segment of segments) {
    if (segment === '') return 'it has an empty segment';
    if (segment === '.' || segment === '..') return `it has a \`${segment}\` segment and must stay inside its folder`;
    if (Buffer.byteLength(segment) > SEGMENT_BYTES_MAX) return `a segment is longer than ${SEGMENT_BYTES_MAX} bytes`;
  }
  return undefined;
}

/** A path as people write it, without the `./` in front. */
export function trimPath(path: string): string {
  return path.replace(/^(\.\/+)+/, '');
}

/** Two paths with the same fold are one file on some file systems. */
export function foldPath(path: string): string {
  return path.normalize('NFC').toLowerCase();
}

function hasControlCharacter(path: string): boolean {
  for (let index = 0; index < path.length; index += 1) {
    const unit = path.charCodeAt(index);
    if (unit < 0x20 || unit === 0x7f) return true;
  }
  return false;
}
