// Checks a manifest against deploy/manifest.schema.json, which editors use too, and fills its defaults in.
// The schema is the only place where a field's type, bounds and default are written.
import { readFileSync } from 'node:fs';
import { Ajv, type ErrorObject } from 'ajv';
import { nearestName } from '../../runtime/config/nearest-name.ts';
import { PilotlightError } from '../../runtime/errors.ts';
import { fieldName, shown, type FieldPath, type ManifestText } from './manifest-text.ts';

// From dist*/deploy/manifest/ up to the package.
const SCHEMA_FILE = new URL('../../../deploy/manifest.schema.json', import.meta.url);

const ajv = new Ajv({ useDefaults: true, allowUnionTypes: true, strict: true, verbose: true });
const validate = ajv.compile(JSON.parse(readFileSync(SCHEMA_FILE, 'utf8')));

/** Fills the defaults of `text.value` in. Throws BAD_MANIFEST for the first thing that is wrong. */
export function checkSchema(text: ManifestText): void {
  if (validate(text.value)) return;
  const first = validate.errors?.[0];
  throw first === undefined ? text.error([], 'is not a manifest') : describe(first, text);
}

function describe(error: ErrorObject, text: ManifestText): PilotlightError {
  const path = parsePointer(error.instancePath);
  if (error.propertyName !== undefined) {
    const message = `${shown(error.propertyName)} cannot be a name in ${fieldName(path)}. ${adviceOf(error)}`;
    return text.errorAtKey([...path, error.propertyName], message);
  }
  if (error.keyword === 'additionalProperties') return unknownField(error, path, text);
  if (error.keyword === 'required') {
    const missing: string = error.params['missingProperty'];
    return text.error(path, `${fieldName([...path, missing])} is missing. ${descriptionOf(error, missing)}`.trim());
  }
  const message = error.keyword === 'pattern' ? `cannot be ${shown(error.data)}` : `${demand(error)}, found ${shown(error.data)}`;
  return text.error(path, `${fieldName(path)} ${message}. ${adviceOf(error)}`.trim());
}

function unknownField(error: ErrorObject, path: FieldPath, text: ManifestText): PilotlightError {
  const unknown: string = error.params['additionalProperty'];
  const known = Object.keys((error.parentSchema?.['properties'] ?? {}) as object);
  const nearest = nearestName(unknown, known);
  const advice = nearest === undefined ? `the fields here are ${known.join(', ')}` : `did you mean ${JSON.stringify(nearest)}?`;
  return text.errorAtKey([...path, unknown], `unknown field ${fieldName([...path, unknown])}; ${advice}`);
}

/** The descriptions of the schema are written so that they say what would do. */
function adviceOf(error: ErrorObject): string {
  const description: unknown = error.parentSchema?.['description'];
  return typeof description === 'string' ? description : '';
}

function descriptionOf(error: ErrorObject, property: string): string {
  const properties = error.parentSchema?.['properties'] as Record<string, { description?: string } | undefined> | undefined;
  return properties?.[property]?.description ?? '';
}

function demand(error: ErrorObject): string {
  switch (error.keyword) {
    case 'type': return `must be ${[error.params['type']].flat().map(typeName).join(' or ')}`;
    case 'minimum': return `must be at least ${error.params['limit']}`;
    case 'maximum': return `must be at most ${error.params['limit']}`;
    case 'minLength': return 'must not be empty';
    case 'maxLength': return `must have at most ${error.params['limit']} characters`;
    case 'minItems': return error.params['limit'] === 1 ? 'must not be empty' : `must have at least ${error.params['limit']} entries`;
    case 'maxItems': case 'maxProperties': return `must have at most ${error.params['limit']} entries`;
    case 'uniqueItems': return `names ${shown((error.data as readonly unknown[])[error.params['i']])} twice`;
    case 'enum': return `must be ${(error.schema as readonly unknown[]).map(shown).join(' or ')}`;
    default: return error.message ?? 'is wrong';
  }
}

function typeName(type: unknown): string {
  const name = String(type);
  return /^[aeio]/.test(name) ? `an ${name}` : `a ${name}`;
}

function parsePointer(pointer: string): FieldPath {
  if (pointer === '') return [];
  const steps = pointer.slice(1).split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  // Names in a manifest never begin with a digit where arrays stand, so a number is always an index here.
  return steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}
