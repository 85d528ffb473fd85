import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { npyOf } from '../../test/support/npy-of.ts';
import { parseNpy } from './npy.ts';
import { parseNpz } from './npz.ts';

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

describe('parseNpz', () => {
  // Archives as np.savez and np.savez_compressed lay them out, of a=np.arange(3, dtype="float32") and b=np.int64([7]).
  const STORED = 'UEsDBC0AAAAAAAAAIQC2jIZT//////////8FABQAYS5ucHkBABAAjAAAAAAAAACMAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxmNCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgzLCksIH0gICAgICAgICAgICAg'
    + 'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAAAAAAAgD8AAABAUEsDBC0AAAAAAAAAIQC5k3uY//////////8FABQAYi5ucHkBABAAiAAAAAAAAACIAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzog'
    + 'JzxpOCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgxLCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKBwAAAAAAAABQSwECLQMtAAAAAAAAACEAtoyG'
    + 'U4wAAACMAAAABQAAAAAAAAAAAAAAgAEAAAAAYS5ucHlQSwECLQMtAAAAAAAAACEAuZN7mIgAAACIAAAABQAAAAAAAAAAAAAAgAHDAAAAYi5ucHlQSwUGAAAAAAIAAgBmAAAAggEAAAAA';
  const PACKED = 'UEsDBC0AAAAIAAAAIQC2jIZT//////////8FABQAYS5ucHkBABAAjAAAAAAAAABLAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GsY6mjoKtQoUAC4GMGiwBxIOAFBLAwQt'
    + 'AAAACAAAACEAuZN7mP//////////BQAUAGIubnB5AQAQAIgAAAAAAAAASAAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mhrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RqGOpo6CrUKFAAudgYIAABQSwECLQMtAAAACAAA'
    + 'ACEAtoyGU0sAAACMAAAABQAAAAAAAAAAAAAAgAEAAAAAYS5ucHlQSwECLQMtAAAACAAAACEAuZN7mEgAAACIAAAABQAAAAAAAAAAAAAAgAGCAAAAYi5ucHlQSwUGAAAAAAIAAgBmAAAAAQEAAAAA';

  for (const [how, text] of [['stored', STORED], ['packed', PACKED]] as const) {
    test(`what NumPy has ${how} together comes back by name`, () => {
      assert.deepEqual(parseNpz(Buffer.from(text, 'base64'), 'x.npz'), {
        a: { type: 'float32', shape: [3], data: new Float32Array([0, 1, 2]) }, b: { type: 'int64', shape: [1], data: new BigInt64Array([7n]) },
      });
    });
  }

  test('what is cut short or is no archive is refused with its name', () => {
    const whole = Buffer.from(PACKED, 'base64');
    for (const bytes of [whole.subarray(0, -30), whole.subarray(40), Buffer.alloc(0), Buffer.from('none')]) {
      assert.throws(() => parseNpz(bytes, 'samples/x.npz'), /^PilotlightError: samples\/x\.npz.*/);
    }
  });
});
