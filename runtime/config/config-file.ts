// Reads pilotlight.config.jsonc into raw values that know their place. The tree is walked, never turned into
// an object: so every message has a line and a column, and no key can reach a prototype.
import { readFileSync, statSync } from 'node:fs';
import { createScanner, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { Node, ParseError } from 'jsonc-parser';
import { describeThrown, PilotlightError } from '../errors.ts';

const FILE_BYTES_MAX = 1024 * 1024;
const DEPTH_MAX = 32;

export interface FileEntry {
  readonly value: unknown;
  /** `pilotlight.config.jsonc:3:5` */
  readonly from: string;
}

/** The file's text; undefined when it does not exist. */
export function readConfigFile(file: string): string | undefined {
  try {
    const { size } = statSync(file);
    if (size > FILE_BYTES_MAX) throw new PilotlightError('BAD_SETTING', `${file} has ${size} bytes; at most ${FILE_BYTES_MAX} are read`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof PilotlightError) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new PilotlightError('BAD_SETTING', `cannot read ${file}: ${describeThrown(error)}`, { cause: error });
  }
}

/** All keys of the file but `$schema`, in its order. Whether they are settings is for the caller to say. */
export function parseConfigFile(file: string, fileText: string): ReadonlyMap<string, FileEntry> {
  const text = fileText.replace(/^\uFEFF/, '');
  const place = (offset: number): string => `${file}:${lineAndColumn(text, offset)}`;
  const refuse = (offset: number, reason: string): never => {
    throw new PilotlightError('BAD_SETTING', `${place(offset)}: ${reason}`);
  };

  const tooDeep = offsetTooDeep(text);
  if (tooDeep !== undefined) refuse(tooDeep, `nested deeper than ${DEPTH_MAX}`);
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first !== undefined) refuse(first.offset, `not JSON with comments (${printParseErrorCode(first.error)})`);
  if (root?.type !== 'object') return refuse(root?.offset ?? 0, 'expected an object of settings, { ... }');

  const entries = new Map<string, FileEntry>();
  for (const { key, value, offset } of properties(root)) {
    if (entries.has(key)) refuse(offset, `"${key}" stands here a second time; it is set at ${entries.get(key)?.from}`);
    if (key !== '$schema') entries.set(key, { value: valueOf(value), from: place(offset) });
  }
  return entries;
}

/** Checked beforehand: the parser recurses and would overflow the stack. */
function offsetTooDeep(text: string): number | undefined {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (scanner.scan(); scanner.getTokenLength() > 0; scanner.scan()) {
    const first = text[scanner.getTokenOffset()];  // a bracket inside a string or comment never begins its token
    if (first === '{' || first === '[') depth += 1;
    if (first === '}' || first === ']') depth -= 1;
    if (depth > DEPTH_MAX) return scanner.getTokenOffset();
  }
  return undefined;
}

function* properties(root: Node): Generator<{ key: string; value: Node; offset: number }> {
  for (const { children, offset } of root.children ?? []) {
    const [key, value] = children ?? [];
    if (key !== undefined && value !== undefined) yield { key: String(key.value), value, offset };
  }
}

/** No setting is an object or null: what they are is enough for the message that refuses them. */
function valueOf(node: Node): unknown {
  if (node.type === 'array') return (node.children ?? []).map(valueOf);
  return node.type === 'object' ? {} : node.value ?? null;
}

function lineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `${before.length}:${(before.at(-1) ?? '').length + 1}`;
}
