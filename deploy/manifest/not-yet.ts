// Fields that the schema has but this host cannot honour yet. They are refused by name, never ignored;
// each entry goes when its time has come.
import { fieldName, shown, type FieldPath, type ManifestText } from './manifest-text.ts';

/** Throws BAD_MANIFEST "not yet" for the first one. Looks at a value that nobody has checked. */
export function refuseNotYet(text: ManifestText): void {
  const root = text.value;
  if (!isObject(root)) return;
  if (root['protocol'] === true) throw notYet(text, ['protocol'], 'leave it out and let the handler answer');
  for (const [binding, model] of Object.entries(isObject(root['models']) ? root['models'] : {})) {
    if (isObject(model)) refuseInModel(text, ['models', binding], model);
  }
}

function refuseInModel(text: ManifestText, path: FieldPath, model: Readonly<Record<string, unknown>>): void {
  const refuse = (field: string, advice: string) => notYet(text, [...path, field], advice, model[field]);
  if ('batch' in model) throw refuse('batch', 'leave it out: each request is a run of its own');
  if ('lengths' in model) throw refuse('lengths', 'leave it out and pad in the handler');
  if (typeof model['tolerance'] === 'number' && model['tolerance'] > 0) throw refuse('tolerance', 'leave it out: nothing is batched');
}

function notYet(text: ManifestText, path: FieldPath, advice: string, found: unknown = true) {
  const value = typeof found === 'object' ? '' : ` ${shown(found)}`;
  return text.errorAtKey(path, `${fieldName(path)}${value} is not supported yet; ${advice}`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
