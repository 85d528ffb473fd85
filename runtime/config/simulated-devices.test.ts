import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { simulatedDeviceList, simulatedDevicesOf } from './simulated-devices.ts';

const GIB = 2 ** 30;

describe('simulated devices', () => {
  test('each has bytes, and may have a compute capability and bytes that others have taken', () => {
    const text = 'gpu:0=16GiB sm 9.0, gpu:1=8 GiB taken 2GiB, gpu:12=1GiB taken 1MiB sm 12.0';
    assert.equal(simulatedDeviceList.parseText(text, '/'), text);
    assert.deepEqual(simulatedDevicesOf(text), [
      { device: 'gpu:0', totalBytes: 16 * GIB, takenBytes: 0, computeCapability: '9.0' },
      { device: 'gpu:1', totalBytes: 8 * GIB, takenBytes: 2 * GIB },
      { device: 'gpu:12', totalBytes: GIB, takenBytes: 2 ** 20, computeCapability: '12.0' },
    ]);
    assert.deepEqual(simulatedDevicesOf(undefined), []);
  });

  for (const text of ['', 'gpu', 'gpu:0', 'cpu=1GiB', 'gpu:0=0B', 'gpu:00=1GiB', 'gpu:0=1GiB taken 2GiB', 'gpu:0=1GiB sm 9', 'gpu:0=1GiB,gpu:0=1GiB', 'gpu:0=1GiB,', 'gpu:0=80%']) {
    test(`"${text}" is refused`, () => assert.equal(simulatedDeviceList.parseText(text, '/'), undefined));
  }
});
