// Says whether the answer to a golden request is the expected one, and if not, in which place it differs first.
import { describeThrown } from '../../runtime/errors.ts';
import type { Expectation } from './manifest.ts';
import { fieldName, shown, type FieldPath } from './manifest-text.ts';

export interface GoldenReply {
  readonly status: number;
  readonly body: Uint8Array;
}

/** One line for people about the first difference; undefined when the answer is as expected. */
export function findMismatch(expected: Expectation, reply: GoldenReply): string | undefined {
  const text = new TextDecoder().decode(reply.body);
  if (reply.status !== expected.status) return `status ${expected.status} was expected, found ${reply.status} with ${problemIn(text) ?? shown(text)}`;
  if (expected.text !== undefined && text !== expected.text) return `the text ${shown(expected.text)} was expected, found ${shown(text)}`;
  return 'json' in expected ? findJsonMismatch(expected.json, text) : undefined;
}

/** What the host itself answered in the handler's place, told whole: it is the reason. */
function problemIn(text: string): string | undefined {
  try {
    const { code, detail } = JSON.parse(text) as { readonly code?: unknown; readonly detail?: unknown };
    return typeof code === 'string' && typeof detail === 'string' ? `${code}: ${detail}` : undefined;
  } catch {
    return undefined;
  }
}

function findJsonMismatch(expected: unknown, text: string): string | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    return `JSON was expected, found ${shown(text)} (${describeThrown(error)})`;
  }
  return compare(expected, found, []);
}

function compare(expected: unknown, found: unknown, path: FieldPath): string | undefined {
  if (Array.isArray(expected)) return compareArrays(expected, found, path);
  if (isObject(expected)) return compareObjects(expected, found, path);
  return Object.is(expected, found) || expected === found ? undefined : difference(expected, found, path);
}

function compareArrays(expected: readonly unknown[], found: unknown, path: FieldPath): string | undefined {
  if (!Array.isArray(found) || found.length !== expected.length) return difference(expected, found, path);
  for (const [index, element] of expected.entries()) {
    const mismatch = compare(element, found[index], [...path, index]);
    if (mismatch !== undefined) return mismatch;
  }
  return undefined;
}

function compareObjects(expected: Readonly<Record<string, unknown>>, found: unknown, path: FieldPath): string | undefined {
  if (!isObject(found)) return difference(expected, found, path);
  for (const [key, value] of Object.entries(expected)) {
    if (!Object.hasOwn(found, key)) return `json ${fieldName([...path, key])} ${shown(value)} was expected, found none`;
    const mismatch = compare(value, found[key], [...path, key]);
    if (mismatch !== undefined) return mismatch;
  }
  return undefined;
}

function difference(expected: unknown, found: unknown, path: FieldPath): string {
  const where = path.length === 0 ? 'json' : `json ${fieldName(path)}`;
  return `${where} ${shown(expected)} was expected, found ${shown(found)}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
