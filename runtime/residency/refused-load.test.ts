import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assert as assertProperty, integer, option, property, record } from 'fast-check';
import { afterRefusal, type AfterRefusal, type RefusedLoad } from './refused-load.ts';

const REFUSED: RefusedLoad = { reservedBytes: 10, knownBytes: undefined, deviceFreeBytes: 30, budgetBytes: 100, haveBytes: 100 };

const CASES: readonly (readonly [title: string, change: Partial<RefusedLoad>, after: AfterRefusal])[] = [
  ['of a size that nobody knows, it is tried with twice what was free', {}, { act: 'again', bytes: 60 }],
  ['or with twice what was expected', { reservedBytes: 40 }, { act: 'again', bytes: 80 }],
  ['and with all that there is', { reservedBytes: 80, deviceFreeBytes: 80 }, { act: 'again', bytes: 100 }],
  ['what is pinned is not there', { haveBytes: 50 }, { act: 'again', bytes: 50 }],
  ['one that was alone on the device never fits', { reservedBytes: 100, deviceFreeBytes: 110 }, { act: 'never', leastBytes: 111 }],
  ['one that others than this host were in the way of may fit later', { reservedBytes: 100, deviceFreeBytes: 60 }, { act: 'fail' }],
  ['one that was measured gets the room that somebody else has taken', { knownBytes: 40, reservedBytes: 40, deviceFreeBytes: 25 }, { act: 'again', bytes: 55 }],
  ['one that was measured is never refused for good', { knownBytes: 100, reservedBytes: 100, deviceFreeBytes: 110 }, { act: 'fail' }],
  ['and no more than once, when that brought nothing', { knownBytes: 40, reservedBytes: 55, deviceFreeBytes: 25 }, { act: 'fail' }],
  ['one that was measured and had enough is not tried again', { knownBytes: 20, reservedBytes: 20, deviceFreeBytes: 25 }, { act: 'fail' }],
];

describe('after a device has refused a load', () => {
  for (const [title, change, after] of CASES) test(title, () => assert.deepEqual(afterRefusal({ ...REFUSED, ...change }), after));

  test('it ends, whatever the device answers', () => {
    const bytes = integer({ min: 1, max: 1000 });
    assertProperty(property(record({ reservedBytes: bytes, knownBytes: option(bytes, { nil: undefined }), deviceFreeBytes: bytes, budgetBytes: bytes, haveBytes: bytes }), (refused) => {
      let [reserved, tries] = [refused.reservedBytes, 0];
      for (;;) {
        const after = afterRefusal({ ...refused, reservedBytes: reserved });
        if (after.act !== 'again') break;
        assert.ok(after.bytes > reserved && after.bytes <= refused.haveBytes && ++tries <= 11);
        reserved = after.bytes;
      }
    }));
  });
});
