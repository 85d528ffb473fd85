// The text of a manifest: JSON with comments, read into a value whose every part can be traced back to its line and column.
// Refuses what JSON readers commonly let pass (duplicate keys, names that reach prototypes, endless nesting) before anybody acts on it.
import { parseTree, printParseErrorCode, visit, type Node, type ParseError } from 'jsonc-parser';
import { PilotlightError } from '../../runtime/errors.ts';

const TEXT_LENGTH_MAX = 1024 * 1024;
/** Far deeper than any manifest; the parser recurses. */
const DEPTH_MAX = 64;
/** They reach prototypes when somebody merges objects carelessly, and no manifest needs them. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

const SYNTAX_ADVICE: Readonly<Record<string, string>> = {
  CommaExpected: 'a comma is missing before this',
  ColonExpected: 'a colon is missing before this',
  PropertyNameExpected: 'a field name in double quotes is expected here',
  ValueExpected: 'a value is expected here',
  CloseBraceExpected: 'a `}` is missing before this',
  CloseBracketExpected: 'a `]` is missing before this',
  EndOfFileExpected: 'nothing may follow the closing brace',
  InvalidSymbol: 'not a JSON value; strings need double quotes',
  InvalidNumberFormat: 'not a JSON number',
  InvalidCharacter: 'a character that cannot stand here unescaped',
  InvalidEscapeCharacter: 'not a JSON escape',
  InvalidUnicode: 'not a JSON \\u escape',
  UnexpectedEndOfString: 'the string has no closing quote',
  UnexpectedEndOfComment: 'the comment has no end',
  UnexpectedEndOfNumber: 'the number has no end',
};

/** Steps from the top to a value: field names and array indexes. */
export type FieldPath = readonly (string | number)[];

export class ManifestText {
  readonly #text: string;
  readonly #file: string;
  readonly #root: Node;
  /** Plain JSON; objects have no prototype. Fresh for the taker: filling defaults in changes it. */
  readonly value: unknown;

  /** Throws BAD_MANIFEST with the place of what is not JSON. */
  constructor(text: string, file: string) {
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text;
    this.#file = file;
    this.#refuseSizeAndDepth();
    this.#root = this.#parse();
    this.value = this.#toValue(this.#root);
  }

  /** A BAD_MANIFEST that points at the value at `path`, or at the nearest thing around it that is written. */
  error(path: FieldPath, message: string): PilotlightError {
    return this.#errorAt(this.#nodeAt(path).offset, message);
  }

  /** The same, pointing at the name of a field. */
  errorAtKey(path: FieldPath, message: string): PilotlightError {
    const node = this.#nodeAt(path);
    return this.#errorAt(node.parent?.type === 'property' ? node.parent.offset : node.offset, message);
  }

  #refuseSizeAndDepth(): void {
    if (this.#text.length > TEXT_LENGTH_MAX) {
      throw this.#errorAt(0, `the manifest has ${this.#text.length} characters, more than ${TEXT_LENGTH_MAX}; keep samples in files of their own`);
    }
    let depth = 0;
    const enter = (offset: number): undefined => {
      depth += 1;
      if (depth > DEPTH_MAX) throw this.#errorAt(offset, `nested deeper than ${DEPTH_MAX} levels`);
    };
    const leave = () => {
      depth -= 1;
    };
    visit(this.#text, { onObjectBegin: enter, onArrayBegin: enter, onObjectEnd: leave, onArrayEnd: leave });
  }

  #parse(): Node {
    const errors: ParseError[] = [];
    const root = parseTree(this.#text, errors, { allowTrailingComma: true });
    const first = errors[0];
    if (first !== undefined) {
      const name = printParseErrorCode(first.error);
      throw this.#errorAt(first.offset, `not JSON with comments: ${SYNTAX_ADVICE[name] ?? name}`);
    }
    if (root === undefined) throw this.#errorAt(0, 'the manifest is empty; it is an object with at least "name"');
    return root;
  }

  #toValue(node: Node): unknown {
    if (node.type === 'array') return (node.children ?? []).map((child) => this.#toValue(child));
    if (node.type === 'object') return this.#toObject(node);
    if (typeof node.value === 'number' && !Number.isFinite(node.value)) throw this.#errorAt(node.offset, 'the number is too large');
    return node.value;
  }

  #toObject(node: Node): Record<string, unknown> {
    const object: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const property of node.children ?? []) {
      const [keyNode, valueNode] = property.children ?? [];
      if (keyNode === undefined || valueNode === undefined) throw this.#errorAt(property.offset, 'a field without a value');
      const key = String(keyNode.value);
      if (FORBIDDEN_KEYS.has(key)) throw this.#errorAt(keyNode.offset, `a field may not be named ${JSON.stringify(key)}`);
      if (key in object) throw this.#errorAt(keyNode.offset, `the field ${JSON.stringify(key)} is here twice; remove one`);
      object[key] = this.#toValue(valueNode);
    }
    return object;
  }

  #nodeAt(path: FieldPath): Node {
    let node = this.#root;
    for (const step of path) {
      const next = node.type === 'array'
        ? node.children?.[Number(step)]
        : node.children?.find((property) => property.children?.[0]?.value === String(step))?.children?.[1];
      if (next === undefined) return node;
      node = next;
    }
    return node;
  }

  #errorAt(offset: number, message: string): PilotlightError {
    const before = this.#text.slice(0, offset);
    const line = before.split(/\r\n|\n|\r/).length;
    const column = offset - Math.max(before.lastIndexOf('\n'), before.lastIndexOf('\r'));
    return new PilotlightError('BAD_MANIFEST', `${this.#file}:${line}:${column}: ${message}`);
  }
}

/** `models.DIGITS.warm.inputs[0]` */
export function fieldName(path: FieldPath): string {
  let name = '';
  for (const step of path) {
    if (typeof step === 'number') name += `[${step}]`;
    else name += name === '' ? step : `.${step}`;
  }
  return name === '' ? 'the manifest' : name;
}

/** A value as messages show it. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
