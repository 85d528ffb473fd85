import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';
import { test } from 'node:test';
import { InputCheck } from './check.ts';
import type { Signature, Tensor, Tensors } from './tensor.ts';

const SIGNATURE: Signature = {
  inputs: [
    { name: 'ids', type: 'int64', shape: ['batch', 'tokens'] },
    { name: 'mask', type: 'float32', shape: ['batch', 'tokens'] },
    { name: 'scale', type: 'float32', shape: [2, -1] },
  ],
  outputs: [{ name: 'logits', type: 'float32', shape: ['batch', 10] }],
};

const ids: Tensor = { type: 'int64', shape: [1, 3], data: new BigInt64Array(3) };
const mask: Tensor = { type: 'float32', shape: [1, 3], data: new Float32Array(3) };
const scale: Tensor = { type: 'float32', shape: [2, 5], data: new Float32Array(10) };
const RIGHT = { ids, mask, scale };

function refusalOf(inputs: unknown, signature: Signature = SIGNATURE): string {
  try {
    checked(signature, inputs as Tensors);
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, 'BAD_TENSOR');
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}

function checked(signature: Signature, inputs: Tensors): InputCheck {
  const check = new InputCheck(signature);
  check.check(inputs);
  return check;
}

const one = (type: Tensor['type'], shape: readonly (number | string)[]): Signature => ({ inputs: [{ name: 'x', type, shape }], outputs: [] });

test('right inputs are accepted, with their dimensions in the order of the signature', () => {
  const check = new InputCheck(SIGNATURE);
  check.check({ scale, mask, ids });
  assert.deepEqual([check.dims, check.elements, check.ranks], [[1, 3, 1, 3, 2, 5], [3, 3, 10], [2, 2, 2]]);
  assert.deepEqual(check.data, [ids.data, mask.data, scale.data]);
});

test('an unknown name is named, together with the right ones', () => {
  assert.equal(refusalOf({ ...RIGHT, idz: ids }), 'input "idz" is unknown: the model takes "ids" int64 [batch, tokens], "mask" float32 [batch, tokens], "scale" float32 [2, ?]');
  assert.match(refusalOf({ idz: ids, mask, scale }), /^input "idz" is unknown/);
});

test('a missing input is named', () => {
  assert.match(refusalOf({ ids, scale }), /^input "mask" is missing: the model takes "ids"/);
});

test('inputs that are no object are refused', () => {
  for (const odd of [undefined, null, 3, 'x', () => 0]) assert.match(refusalOf(odd), /^the inputs are .*: expected an object with "ids"/);
});

test('a tensor that is no object is refused', () => {
  assert.match(refusalOf({ ...RIGHT, mask: [1, 2] }), /found type undefined/);
  assert.match(refusalOf({ ...RIGHT, mask: 3 }), /^input "mask" must be float32 \[batch, tokens\]; found 3 instead of \{ type, shape, data \}$/);
});

test('a wrong type is told', () => {
  assert.equal(refusalOf({ ...RIGHT, mask: { ...mask, type: 'float64' } }), 'input "mask" must be float32 [batch, tokens]; found type "float64"');
});

test('a wrong number of axes is told', () => {
  assert.match(refusalOf({ ...RIGHT, mask: { ...mask, shape: [3] } }), /found shape \[3\]: 2 axes are wanted, not 1$/);
  assert.match(refusalOf({ ...RIGHT, mask: { ...mask, shape: 3 } }), /found shape 3 instead of an array of sizes$/);
});

test('a static axis takes its own size only', () => {
  assert.match(refusalOf({ ...RIGHT, scale: { ...scale, shape: [5, 2] } }), /^input "scale" must be float32 \[2, \?\]; found 5 at axis 0: only 2 is right$/);
});

test('fault 42: a dynamic axis takes whole numbers from 1', () => {
  for (const size of [0, -1, 1.5, Number.NaN, Infinity, 2 ** 53, '3', undefined, null, 3n]) {
    assert.match(refusalOf({ ...RIGHT, scale: { ...scale, shape: [2, size] } }), /^input "scale" .* at axis 1: a whole number from 1 is wanted$/);
  }
});

test('fault 42: sizes whose product is beyond all numbers are refused by the length of the data', () => {
  assert.match(refusalOf({ x: { type: 'float32', shape: [2 ** 32, 2 ** 32], data: new Float32Array(0) } }, one('float32', [-1, -1])), /the shape needs 18446744073709552000$/);
});

test('axes of one symbol must be of one size', () => {
  const longer: Tensor = { type: 'float32', shape: [1, 4], data: new Float32Array(4) };
  assert.equal(refusalOf({ ...RIGHT, mask: longer }), 'input "mask" must be float32 [batch, tokens]; found 4 at axis 1, but "tokens" is 3 in input "ids"');
  const square = { x: { type: 'float32', shape: [2, 3], data: new Float32Array(6) } };
  assert.match(refusalOf(square, one('float32', ['n', 'n'])), /found 3 at axis 1, but "n" is 2 at an earlier axis$/);
});

test('a size that one check saw means nothing to the next', () => {
  const check = new InputCheck(one('float32', ['n', 'n']));
  check.check({ x: { type: 'float32', shape: [2, 2], data: new Float32Array(4) } });
  check.end();
  check.check({ x: { type: 'float32', shape: [3, 3], data: new Float32Array(9) } });
  assert.deepEqual(check.dims, [3, 3]);
});

test('data of another class are refused with what would do', () => {
  assert.equal(
    refusalOf({ ...RIGHT, ids: { ...ids, data: new Int32Array(3) } }),
    'input "ids" must be int64 [batch, tokens]; found Int32Array as data: a BigInt64Array is wanted, for example BigInt64Array.from(numbers, BigInt)',
  );
  assert.match(refusalOf({ ...RIGHT, mask: { ...mask, data: [1, 2, 3] } }), /found an array as data: a Float32Array is wanted$/);
  assert.match(refusalOf({ ...RIGHT, mask: { ...mask, data: new DataView(new ArrayBuffer(12)) } }), /found an object as data/);
  assert.match(refusalOf({ x: { type: 'float16', shape: [2], data: new Float32Array(2) } }, one('float16', [2])), /a Uint16Array with the bits of each value is wanted$/);
});

test('a wrong number of elements is told', () => {
  assert.match(refusalOf({ ...RIGHT, mask: { ...mask, data: new Float32Array(2) } }), /found 2 elements: the shape needs 3$/);
});

test('data whose buffer was transferred are refused', () => {
  const data = new Float32Array(3);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  assert.match(refusalOf({ ...RIGHT, mask: { ...mask, data } }), /found 0 elements \(a buffer that was transferred or shrunk has none\): the shape needs 3$/);
});

test('an array that only pretends its class and length is refused', () => {
  const dressed = Object.create(Float32Array.prototype, { length: { value: 3 } }) as Float32Array;
  assert.match(refusalOf({ ...RIGHT, mask: { ...mask, data: dressed } }), /found an object as data/);
  class Longer extends Float32Array {
    override get length(): number {
      return 3;
    }
  }
  assert.match(refusalOf({ ...RIGHT, mask: { ...mask, data: new Longer(1) } }), /found 1 elements/);
});

test('a Buffer and an array of another realm are what they are', () => {
  new InputCheck(one('uint8', [3])).check({ x: { type: 'uint8', shape: [3], data: Buffer.from('abc') } });
  const foreign = runInNewContext('new Float32Array(3)') as Float32Array;
  new InputCheck(one('float32', [3])).check({ x: { type: 'float32', shape: [3], data: foreign } });
});

test('views of shared and of resizable memory are accepted', () => {
  const check = new InputCheck(one('float32', [3]));
  check.check({ x: { type: 'float32', shape: [3], data: new Float32Array(new SharedArrayBuffer(12)) } });
  check.end();
  const resizable = Reflect.construct(ArrayBuffer, [12, { maxByteLength: 64 }]) as ArrayBuffer;
  check.check({ x: { type: 'float32', shape: [3], data: new Float32Array(resizable) } });
});

test('strings are an array of strings', () => {
  const signature = one('string', ['n']);
  new InputCheck(signature).check({ x: { type: 'string', shape: [2], data: ['a', 'ü'] } });
  assert.match(refusalOf({ x: { type: 'string', shape: [2], data: ['a', 3] } }, signature), /found 3 at element 1: a string is wanted$/);
  assert.match(refusalOf({ x: { type: 'string', shape: [2], data: ['a'] } }, signature), /found 1 elements: the shape needs 2$/);
  assert.match(refusalOf({ x: { type: 'string', shape: [1], data: 'a' } }, signature), /found "a" as data: an array of strings is wanted$/);
});

test('fault 64: names of Object.prototype are names like others', () => {
  const signature: Signature = { inputs: [{ name: 'toString', type: 'float32', shape: [1] }, { name: '__proto__', type: 'float32', shape: [1] }], outputs: [] };
  const tensor: Tensor = { type: 'float32', shape: [1], data: new Float32Array(1) };
  assert.match(refusalOf({}, signature), /^input "toString" is missing/);
  const own = Object.fromEntries([['toString', tensor], ['__proto__', tensor]]);
  new InputCheck(signature).check(own);
  assert.match(refusalOf({ toString: tensor, x: tensor }, signature), /^input "x" is unknown/);
});

test('a scalar has no axis and one element', () => {
  new InputCheck(one('float32', [])).check({ x: { type: 'float32', shape: [], data: new Float32Array(1) } });
});

test('an input of any rank takes up to 32 axes', () => {
  const signature: Signature = { inputs: [{ name: 'x', type: 'float32', shape: [], anyRank: true }], outputs: [] };
  const check = new InputCheck(signature);
  check.check({ x: { type: 'float32', shape: [2, 3], data: new Float32Array(6) } });
  assert.deepEqual([check.ranks, check.dims], [[2], [2, 3]]);
  check.end();
  check.check({ x: { type: 'float32', shape: [], data: new Float32Array(1) } });
  assert.deepEqual([check.ranks, check.dims], [[0], []]);
  assert.match(refusalOf({ x: { type: 'float32', shape: new Array(33).fill(1), data: new Float32Array(1) } }, signature), /at most 32 axes can be sent, not 33$/);
});

test('every property of the caller is read once', () => {
  let reads = 0;
  const counted = { type: 'float32', shape: [1], get data() { reads++; return new Float32Array(reads); } };
  const check = new InputCheck(one('float32', [1]));
  check.check({ x: counted as unknown as Tensor });
  assert.equal(reads, 1);
});

test('a shape whose length changes while it is read has the axes of the first look', () => {
  let length = 0;
  const growing = new Proxy([2, 3], { get: (target, key) => (key === 'length' ? ++length : Reflect.get(target, key)) });
  const check = new InputCheck({ inputs: [{ name: 'x', type: 'float32', shape: [], anyRank: true }], outputs: [] });
  check.check({ x: { type: 'float32', shape: growing, data: new Float32Array(2) } });
  assert.deepEqual([check.ranks, check.dims], [[1], [2]]);
});

test('after its end a check holds nothing of the caller', () => {
  const check = checked(one('float32', [1]), { x: { type: 'float32', shape: [1], data: new Float32Array(1) } });
  check.end();
  assert.deepEqual(check.data, [undefined]);
});
