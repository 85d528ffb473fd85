import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eachDevice } from './each-device.ts';

const POOLS = [{ key: 'a', device: 'cpu' }, { key: 'b', device: 'gpu:0' }, { key: 'c', device: 'cpu' }, { key: 'd', device: 'gpu:0' }];
const deviceOf = ({ device }: { readonly device: string }): string => device;

test('a device whose first pool hangs keeps no other device from going on, and its own pools wait', async () => {
  const done: string[] = [];
  let letGo = (): void => {};
  const hung = new Promise<void>((resolve) => (letGo = resolve));
  const all = eachDevice(POOLS, deviceOf, async ({ key }) => {
    if (key === 'a') await hung;
    done.push(key);
  });
  await new Promise(setImmediate);
  assert.deepEqual(done, ['b', 'd']);
  letGo();
  await all;
  assert.deepEqual(done, ['b', 'd', 'a', 'c']);
});

test('after a failure nothing more begins, and it is told when what began has ended', async () => {
  const done: string[] = [];
  await assert.rejects(eachDevice(POOLS, deviceOf, async ({ key }) => {
    if (key === 'a') throw new Error('no');
    done.push(key);
  }), /no/);
  assert.deepEqual(done, ['b']);
});
