import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { npyOf } from '../../test/support/npy-of.ts';
import { parseNpy } from './npy.ts';

describe('parseNpy', () => {
  test('what NumPy saved comes back with its type, shape and elements', () => {
    assert.deepEqual(parseNpy(npyOf('<f4', '(2, 2)', new Float32Array([1, 2, 3, 4.5])), 'x.npy'), { type: 'float32', shape: [2, 2], data: new Float32Array([1, 2, 3, 4.5]) });
    assert.deepEqual(parseNpy(npyOf('<i8', '(3,)', new BigInt64Array([1n, -2n, 3n])), 'x.npy'), { type: 'int64', shape: [3], data: new BigInt64Array([1n, -2n, 3n]) });
    assert.deepEqual(parseNpy(npyOf('|u1', '()', new Uint8Array([7])), 'x.npy'), { type: 'uint8', shape: [], data: new Uint8Array([7]) });
  });

  for (const [what, bytes, why] of [
    ['another file', Buffer.from('no array at all'), /does not begin as a .npy file/],
    ['other bytes than its shape says', npyOf('<f4', '(3,)', new Float32Array([1, 2])), /8 bytes of data.* \[3\] of float32 12/],
    ['big-endian elements', npyOf('>f4', '(1,)', new Float32Array([1])), /its elements are >f4; save one of <f2/],
    ['columns first', npyOf('<f4', '(1,)', new Float32Array([1]), 'True'), /Fortran order; save np\.ascontiguousarray/],
  ] as const) {
    test(`${what} is refused with its name`, () => {
      assert.throws(() => parseNpy(bytes, 'samples/x.npy'), (error: Error) => error.message.startsWith('samples/x.npy: ') && why.test(error.message));
    });
  }
});
