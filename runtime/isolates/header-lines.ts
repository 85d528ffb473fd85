// Headers cross threads as one string, `name\nvalue\nname\nvalue`: one string costs a fraction of an array or an object,
// and neither names nor values may hold a line feed.

export type HeaderLines = string;

/** From a flat list: name, value, name, value. */
export function joinHeaders(flat: readonly string[]): HeaderLines {
  return flat.join('\n');
}

/** Back to the flat list. */
export function splitHeaders(lines: HeaderLines): string[] {
  return lines === '' ? [] : lines.split('\n');
}
