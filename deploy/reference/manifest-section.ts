// The manifest field by field, read from the schema that checks it.
import { readFileSync } from 'node:fs';
import { code, table } from './markdown.ts';

/** What of JSON Schema the manifest's schema uses. */
interface Node {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: boolean | Node;
  readonly items?: Node;
}

type Schema = Node & { readonly definitions: Readonly<Record<string, Node>> };

// From dist*/deploy/reference/ up to the package.
const SCHEMA_FILE = new URL('../../../deploy/manifest.schema.json', import.meta.url);
const TITLES: Readonly<Record<string, string>> = {
  '': 'The function', model: 'A model: `models.NAME`', golden: 'A golden request: `warm[]`', limits: 'Limits: `limits`',
};

export function manifestSection(): string {
  const schema = JSON.parse(readFileSync(SCHEMA_FILE, 'utf8')) as Schema;
  const parts: readonly (readonly [string, Node])[] = [['', schema], ...Object.entries(schema.definitions)];
  return parts.map(([name, node]) => {
    const head = `## ${TITLES[name] ?? name}\n\n${node.description ?? ''}`;
    return `${head}\n\n${table(['field', 'value', 'default', 'what it says'], rowsOf(node, ''))}`;
  }).join('\n\n');
}

function rowsOf(node: Node, prefix: string): readonly (readonly string[])[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const row = [code(path), valueOf(field), defaultOf(field, node.required?.includes(name) ?? false), field.description ?? see(field)];
    return [row, ...rowsOf(field, `${path}.`), ...rowsOf(field.items ?? {}, `${path}[].`), ...rowsOf(byName(field), `${path}.NAME.`)];
  });
}

/** What objects hold whose keys are names of the author's choice. A reference has no fields of its own: it has its own table. */
function byName({ additionalProperties: held }: Node): Node {
  return typeof held === 'object' ? held : {};
}

function see(field: Node): string {
  return `See ${TITLES[field.$ref?.split('/').at(-1) ?? ''] ?? 'below'}.`;
}

function valueOf(field: Node): string {
  if (field.enum !== undefined) return field.enum.map((one) => code(JSON.stringify(one))).join(' or ');
  const types = typeof field.type === 'string' ? [field.type] : field.type ?? (field.$ref === undefined ? ['any'] : ['object']);
  const list = types.map((type) => (type === 'array' ? `list of ${valueOf(field.items ?? {})}` : type)).join(' or ');
  if (field.minimum === undefined && field.maximum === undefined) return list;
  return `${list}, ${field.maximum === undefined ? `${field.minimum} or more` : `${field.minimum} to ${field.maximum}`}`;
}

function defaultOf({ default: value }: Node, isRequired: boolean): string {
  if (isRequired) return 'required';
  if (value === undefined || JSON.stringify(value) === '{}' || JSON.stringify(value) === '[]') return '';
  return code(JSON.stringify(value));
}
