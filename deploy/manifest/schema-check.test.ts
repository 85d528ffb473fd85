import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

type Schema = Readonly<Record<string, unknown>>;

const SCHEMA = JSON.parse(readFileSync(new URL('../../../deploy/manifest.schema.json', import.meta.url), 'utf8')) as Schema;

/** Every part of the schema that stands for a value, with its place. */
function* parts(schema: Schema, place: string): Generator<[string, Schema]> {
  yield [place, schema];
  const named = { ...(schema['properties'] as object | undefined), ...(schema['definitions'] as object | undefined) };
  for (const [name, part] of Object.entries(named)) yield* parts(part as Schema, `${place}.${name}`);
  for (const name of ['items', 'additionalProperties']) {
    if (typeof schema[name] === 'object') yield* parts(schema[name] as Schema, `${place}.${name}`);
  }
}

test('the schema is draft-07, so that editors read it', () => {
  assert.equal(SCHEMA['$schema'], 'http://json-schema.org/draft-07/schema#');
});

test('every field that an editor can offer has a description', () => {
  const bare = [...parts(SCHEMA, '')].filter(([place, part]) => !('$ref' in part) && !('description' in part) && !/batch|lengths/.test(place));
  assert.deepEqual(bare.map(([place]) => place), []);
});

test('every object refuses fields that the schema does not have', () => {
  const open = [...parts(SCHEMA, '')].filter(([, part]) => part['type'] === 'object' && !('additionalProperties' in part));
  assert.deepEqual(open.map(([place]) => place), []);
});
