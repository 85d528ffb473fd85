import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { canonicalJson } from './canonical-json.ts';

test('the canonical text of any JSON value means that value', () => {
  fc.assert(fc.property(fc.json(), (text) => {
    assert.deepEqual(JSON.parse(canonicalJson(JSON.parse(text))), JSON.parse(text));
  }));
});

test('the canonical text does not depend on the order in which keys were written', () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
    const turned = Object.fromEntries(Object.entries(object).reverse());
    assert.equal(canonicalJson(turned), canonicalJson(object));
  }));
});
