import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PilotlightError } from '../../runtime/errors.ts';
import { parseWarmSample } from './warm-sample-file.ts';

const tensor = (type: string, shape: unknown, data: unknown) => ({ inputs: { x: { type, shape, data } } });

function refusal(text: unknown): string {
  try {
    parseWarmSample('samples/a.json', typeof text === 'string' ? text : JSON.stringify(text));
  } catch (error) {
    assert.ok(error instanceof PilotlightError && error.code === 'WARMUP_FAILED', String(error));
    return error.message;
  }
  return assert.fail('it was taken');
}

describe('warm input file', () => {
  test('gives typed arrays as run() takes them, from flat and from nested data', () => {
    const { inputs, expect, tolerance } = parseWarmSample('a.json', JSON.stringify({
      inputs: { a: { type: 'float32', shape: [2, 2], data: [[1, 2], [3, 4.5]] }, b: { type: 'bool', shape: [2], data: [true, 0] } },
      expect: { y: { type: 'int64', shape: [2], data: [-7, '9007199254740993'] } },
      tolerance: 0.5,
    }));
    assert.deepEqual(inputs, {
      a: { type: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4.5) }, b: { type: 'bool', shape: [2], data: Uint8Array.of(1, 0) },
    });
    assert.deepEqual(expect, { y: { type: 'int64', shape: [2], data: BigInt64Array.of(-7n, 9007199254740993n) } });
    assert.equal(tolerance, 0.5);
  });

  test('takes strings and an empty tensor', () => {
    const { inputs } = parseWarmSample('a.json', JSON.stringify({
      inputs: { s: { type: 'string', shape: [1, 2], data: [['a', '']] }, none: { type: 'float32', shape: [0, 3], data: [] } },
    }));
    assert.deepEqual(inputs['s']?.data, ['a', '']);
    assert.equal(inputs['none']?.data.length, 0);
  });

  const wrong: readonly [what: string, text: unknown, named: RegExp][] = [
    ['no JSON', '{', /samples\/a\.json.*JSON/],
    ['an array', '[]', /samples\/a\.json.*an object/],
    ['no inputs', {}, /inputs/],
    ['inputs without a tensor', { inputs: {} }, /inputs.*at least one/],
    ['an unknown field', { ...tensor('float32', [1], [1]), expects: {} }, /"expects"/],
    ['an unknown type', tensor('float', [1], [1]), /inputs\.x.*"float".*float32/],
    ['a type of the prototype', tensor('constructor', [1], [1]), /"constructor"/],
    ['a negative axis', tensor('float32', [-1], [1]), /inputs\.x.*\[-1\]/],
    ['too few elements', tensor('float32', [2, 2], [1, 2, 3]), /3 elements.*wanted 4.*\[2, 2\]/],
    ['text among numbers', tensor('float32', [1], ['1']), /element "1".*float32/],
    ['a number among strings', tensor('string', [1], [1]), /element 1.*string/],
    ['a fraction in int64', tensor('int64', [1], [0.5]), /element 0\.5.*int64/],
    ['a tolerance below zero', { ...tensor('float32', [1], [1]), tolerance: -1 }, /tolerance -1/],
  ];
  for (const [what, text, named] of wrong) {
    test(`${what} is refused with file and place`, () => assert.match(refusal(text), named));
  }
});
