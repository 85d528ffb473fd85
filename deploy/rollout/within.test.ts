import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { within } from './within.ts';

describe('within', () => {
  test('work that fails after nobody waits for it any more does not end the process', async () => {
    const unhandled: unknown[] = [];
    const listen = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', listen);
    try {
      const stop = new AbortController();
      stop.abort(new Error('stopping'));
      const work = setImmediate().then(() => Promise.reject(new Error('cut')));
      await assert.rejects(within(work, { clock: new ManualClock(), signal: stop.signal, limitMs: 1, late: () => new Error('late') }), /stopping/);
      await setImmediate();
      await setImmediate();
      assert.deepEqual(unhandled, []);
    } finally {
      process.off('unhandledRejection', listen);
    }
  });
});
