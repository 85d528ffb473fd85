import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { PoolSpec } from '../engine/port.ts';
import { LOAD_GRACE_MS, WatchedLoads } from './watched-loads.ts';

const specOf = (key: string): PoolSpec => ({ key, backend: 'fake', path: `/${key}`, device: 'cpu', slots: 1, threads: 1, queue: { max: 1, timeoutMs: 1 } });

/** Loads wait until the test lets them end. */
function setUp() {
  const [engine, clock] = [new FakeEngine(), new ManualClock()];
  const waiting = new Map<string, (failure?: Error) => void>();
  const hung: string[] = [];
  const late = new Set<string>();
  engine.before = (operation, key) => operation !== 'load' ? undefined : new Promise((resolve, reject) => {
    waiting.set(key, (failure) => (failure === undefined ? resolve() : reject(failure)));
  });
  const loads = new WatchedLoads({
    engine, clock, owners: (key) => [`${key}@1`],
    onLate: ([owner = '']) => {
      late.add(owner);
      return { [Symbol.dispose]: () => void late.delete(owner) };
    },
    onHung: (reason) => hung.push(reason),
  });
  const end = async (key: string, failure?: Error): Promise<void> => {
    waiting.get(key)?.(failure);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { engine, clock, loads, hung, late, end };
}

const failure = (loading: Promise<unknown>): Promise<{ readonly code?: string; readonly message: string }> =>
  loading.then(() => assert.fail('it was loaded'), (error: { readonly code?: string; readonly message: string }) => error);

test('a load in time is none the worse, and leaves no timer', async () => {
  const { engine, clock, loads, end } = setUp();
  const loading = loads.load(specOf('a'), 1000);
  clock.advance(999);
  await end('a');
  assert.deepEqual((await loading).signature, engine.signature);
  assert.deepEqual([clock.pending, [...engine.loaded]], [0, ['a']]);
});

test('a load that fails fails with its own error', async () => {
  const { clock, loads, end } = setUp();
  const loading = failure(loads.load(specOf('a'), 1000));
  await end('a', new Error('no such operator'));
  assert.equal((await loading).message, 'no such operator');
  assert.equal(clock.pending, 0);
});

test('a load that exceeds its limit fails who waits, and one that never ends is a reason to give up, once', async () => {
  const { clock, loads, hung, late } = setUp();
  const loading = failure(loads.load(specOf('a'), 1000));
  clock.advance(1000);
  const { code, message } = await loading;
  assert.equal(code, 'LOAD_FAILED');
  assert.match(message, /^the model of a@1 was not loaded within 1000 ms; should it not end within 15000 ms more, the host is restarted$/);
  assert.deepEqual([...late], ['a@1']);
  clock.advance(LOAD_GRACE_MS - 1);
  assert.deepEqual(hung, []);
  clock.advance(1);
  assert.match(hung.join(), /^could not load the model of a@1: it had not ended 15000 ms after its limit of 1000 ms/);
  clock.advance(LOAD_GRACE_MS * 10);
  assert.equal(hung.length, 1);
});

test('a late load that nobody wants any more is unloaded', async () => {
  const { engine, clock, loads, hung, late, end } = setUp();
  const loading = failure(loads.load(specOf('a'), 1000));
  clock.advance(1001);
  await loading;
  await end('a');
  clock.advance(LOAD_GRACE_MS);
  assert.deepEqual([[...engine.loaded], hung, [...late], clock.pending], [[], [], [], 0]);
  const again = loads.load(specOf('a'), 9e9);
  await end('a');
  await again;
  assert.deepEqual([...engine.loaded], ['a']);
});

test('a late load is taken by whoever asks next, and is not begun a second time', async () => {
  const { engine, clock, loads, end } = setUp();
  const first = failure(loads.load(specOf('a'), 1000));
  clock.advance(1000);
  await first;
  const second = loads.load(specOf('a'), 5000);
  await end('a');
  await second;
  assert.deepEqual([engine.loads, [...engine.loaded], clock.pending], [1, ['a'], 0]);
});

test('a load behind one that does not end says so, and only the first is to blame', async () => {
  const { clock, loads, hung, late, end } = setUp();
  const [first, second] = [failure(loads.load(specOf('a'), 2000)), failure(loads.load(specOf('b'), 1000))];
  clock.advance(2000);
  assert.match((await second).message, /^the model of b@1 was not loaded within 1000 ms: the load of the model of a@1 before it has not ended$/);
  await first;
  assert.deepEqual([...late], ['a@1']);
  clock.advance(LOAD_GRACE_MS);
  assert.equal(hung.length, 1);
  await end('a');
  assert.deepEqual([...late], []);
});

test('a load that never ends is no reason for one on another device to be late', async () => {
  const { clock, loads, late, end } = setUp();
  const [stuck, other] = [failure(loads.load(specOf('a'), 1000)), failure(loads.load({ ...specOf('b'), device: 'gpu:0' }, 1000))];
  clock.advance(1000);
  await stuck;
  assert.match((await other).message, /^the model of b@1 was not loaded within 1000 ms; should it not end/);
  assert.deepEqual([...late], ['a@1', 'b@1']);
  await end('a');
  await end('b');
});
