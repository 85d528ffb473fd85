import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PilotlightError } from '../../runtime/errors.ts';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { FakeDataPlane } from '../../test/support/fake-data-plane.ts';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { sendGolden, type GoldenOptions } from './golden.ts';
import { planVersion } from './version-plan.ts';

/** Gives the times in turn to each isolate's requests, the last one for ever. */
async function send(times: readonly number[], changes: Partial<GoldenOptions> & { readonly stepMs?: number } = {}) {
  const bundle = bundleOf('digits', 'x', { isolates: 1, warm: [{ request: 'POST /digits', expect: { status: 200 } }] });
  const { function: version, golden } = await planVersion({ name: 'digits', version: '0'.repeat(64), folder: '/none', bundle }, { engine: new FakeEngine(), slotsDefault: 1 });
  const [dataPlane, clock] = [new FakeDataPlane(), new ManualClock()];
  dataPlane.answer = (_version, isolate) => {
    clock.advance(changes.stepMs ?? 0);
    const sent = dataPlane.sent.filter((one) => one.isolate === isolate).length;
    return { status: 200, headers: {}, body: new Uint8Array(), durationMs: times[Math.min(sent, times.length) - 1] ?? 0 };
  };
  const outcome = await sendGolden({ dataPlane, clock, version, cases: golden, signal: new AbortController().signal, ...changes });
  return { outcome, sent: dataPlane.sent.map(({ isolate }) => isolate), clock, version };
}

describe('golden requests', () => {
  test('go to each isolate and the spare, one isolate after the other, until two in a row are within a quarter', async () => {
    const { sent, outcome } = await send([60, 8, 1, 0.9, 0.8]);
    assert.deepEqual(sent, [0, 0, 0, 0, 1, 1, 1, 1]);
    assert.deepEqual(outcome, { sent: 8, firstMs: 60, lastMs: 0.9, warnings: [] });
  });

  test('a quarter is the edge: 4 and 5 have settled, 4 and 5.01 have not', async () => {
    assert.equal((await send([4, 5, 1])).sent.length, 4);
    assert.ok((await send([4, 5.01, 9])).sent.length > 4);
  });

  test('stop at 20 with a warning that names request, isolate and times', async () => {
    const { sent, outcome } = await send(Array.from({ length: 20 }, (_, index) => 2 ** index));
    assert.equal(sent.length, 40);
    assert.match(outcome.warnings[0] ?? '', /POST \/digits did not settle on isolate 0: 20 sent.*524288\.0 ms/);
  });

  test('stop settling when limits.initTimeoutMs is used up, but still reach every isolate', async () => {
    const { sent, version } = await send(Array.from({ length: 20 }, (_, index) => 2 ** index), { stepMs: 30_000 });
    assert.equal(version.limits.initTimeoutMs, 60_000);
    assert.deepEqual(sent, [0, 0, 1]);
  });

  test('end with the reason of the host when it stops meanwhile', async () => {
    const stop = new AbortController();
    stop.abort(new PilotlightError('DRAINING', 'stopping'));
    await assert.rejects(send([1, 1], { signal: stop.signal }), (error: unknown) => error instanceof PilotlightError && error.code === 'DRAINING');
  });
});
