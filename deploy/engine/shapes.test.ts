import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseShapes, shapeArguments } from './shapes.ts';

const range = (text: string) => {
  const [{ min, opt, max } = { min: [], opt: [], max: [] }] = parseShapes([text]);
  return [min, opt, max].map((sizes) => sizes.join('x')).join(' ');
};

describe('parseShapes', () => {
  test('a later shape that ends in x has the other axes of the first', () => {
    assert.equal(range('image:1x3x224x224..8x3x224x224..64x3x224x224'), '1x3x224x224 8x3x224x224 64x3x224x224');
    assert.equal(range('image:1x3x224x224..8x..64x'), '1x3x224x224 8x3x224x224 64x3x224x224');
    assert.equal(range('ids:1x8..4x64x..16x512'), '1x8 4x64 16x512');
  });

  test('two shapes are the smallest and the largest, which is also the usual one; one is all three', () => {
    assert.equal(range('x:1x4..16x'), '1x4 16x4 16x4');
    assert.equal(range('x:2x4'), '2x4 2x4 2x4');
  });

  test('an input that is named again is in the next profile, and its name may have a colon', () => {
    const ranges = parseShapes(['ids:0:1x8..4x8', 'mask:1x8..4x8', 'ids:0:1x64..4x64', 'mask:1x64..4x64']);
    assert.deepEqual(ranges.map(({ input, profile }) => [input, profile]), [['ids:0', 0], ['mask', 0], ['ids:0', 1], ['mask', 1]]);
    assert.deepEqual(shapeArguments(ranges).slice(0, 6), ['--profile-shapes', '0', 'ids:0', '1x8', '4x8', '4x8']);
  });

  test('values of a shape tensor stand in brackets', () => {
    const ranges = parseShapes(['size:[1,1]..[4,4]..[8,8]']);
    assert.equal(ranges[0]?.of, 'values');
    assert.deepEqual(shapeArguments(ranges), ['--profile-values', '0', 'size', '1,1', '4,4', '8,8']);
  });

  for (const [text, why] of [
    ['1x3', /names no input/], ['x:', /"" is no shape/], ['x:1xn', /"1xn" is no shape/], ['x:1x3..2', /"2" has 1 axes, the first shape 2/],
    ['x:8x3..4x3', /axis 0 goes 8..4..4/], ['x:1..2..3..4', /4 shapes/], ['x:-1x3', /no shape/],
  ] as const) {
    test(`${text} is refused with the text and the form`, () => {
      assert.throws(() => parseShapes([text]), (error: Error) => why.test(error.message) && error.message.includes(`--shapes ${text}:`) && error.message.includes('MIN..OPT..MAX'));
    });
  }
});
