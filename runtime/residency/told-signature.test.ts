import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Signature } from '../engine/tensor.ts';
import { refuseUnlessAsTold } from './told-signature.ts';

const [A, B] = [{ name: 'a', type: 'float32', shape: [-1, 2] }, { name: 'b', type: 'float32', shape: [-1, 2] }] as const;
const LOADED: Signature = { inputs: [A, B], outputs: [A] };
const check = (told: Signature | undefined) => refuseUnlessAsTold({ function: 'digits', binding: 'DIGITS', ...(told === undefined ? {} : { told }) }, LOADED);

test('a model that is what was said of it, or of which nothing was said, passes', () => {
  check(undefined);
  check(LOADED);
  check({ inputs: [{ ...A, shape: ['batch', 2] }, B], outputs: [A] });
});

test('inputs in another order, of another type, shape or number are refused', () => {
  const refused = (told: Signature, message: RegExp) => assert.throws(() => check(told), { code: 'BAD_MODEL', message });
  refused({ inputs: [B, A], outputs: [A] }, /digits's model DIGITS is not what the file beside it says: input 0 is "a" float32 \[\?, 2\], and the file says "b" float32 \[\?, 2\]/);
  refused({ inputs: [A, { ...B, type: 'float16' }], outputs: [A] }, /input 1 is "b" float32 .* says "b" float16/);
  refused({ inputs: [A, B], outputs: [{ ...A, shape: [4, 2] }] }, /output 0 is "a" float32 \[\?, 2\], and the file says "a" float32 \[4, 2\]/);
  refused({ inputs: [A], outputs: [A] }, /it says 1 inputs, and there are 2/);
});
