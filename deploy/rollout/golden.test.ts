import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PilotlightError } from '../../runtime/errors.ts';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { FakeDataPlane } from '../../test/support/fake-data-plane.ts';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { FakeResidency } from '../../test/support/fake-residency.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { sendGolden, type GoldenOptions } from './golden.ts';
import { planVersion } from './version-plan.ts';

interface Changes extends Partial<GoldenOptions> {
  readonly stepMs?: number;
  readonly warm?: readonly string[];
}

/** Gives the times in turn to each isolate's requests, the last one for ever. */
async function send(times: readonly number[], { stepMs = 0, warm = ['POST /digits'], ...changes }: Changes = {}) {
  const bundle = bundleOf('digits', 'x', { isolates: 1, routes: ['/digits'], warm: warm.map((request) => ({ request, expect: { status: 200 } })) });
  const { function: version, golden } = await planVersion(
    { name: 'digits', version: '0'.repeat(64), folder: '/none', bundle }, { engine: new FakeEngine(), residency: new FakeResidency(), slotsDefault: 1 },
  );
  const [dataPlane, clock] = [new FakeDataPlane(), new ManualClock()];
  dataPlane.answer = (_version, isolate) => {
    clock.advance(stepMs);
    const sent = dataPlane.sent.filter((one) => one.isolate === isolate).length;
    return { status: 200, headers: {}, body: new Uint8Array(), durationMs: times[Math.min(sent, times.length) - 1] ?? 0 };
  };
  const outcome = await sendGolden({ dataPlane, clock, version, cases: golden, signal: new AbortController().signal, ...changes });
  return { outcome, sent: dataPlane.sent.map(({ isolate }) => isolate), methods: dataPlane.sent.map(({ request }) => request.method), version };
}

describe('golden requests', () => {
  test('go to each isolate and the spare, one isolate after the other, until a dozen rounds are no faster than the dozen before', async () => {
    const { sent, outcome } = await send([60, 8, 1, 0.9, 0.9]);
    assert.deepEqual(sent, [...Array<number>(24).fill(0), ...Array<number>(24).fill(1)]);
    assert.deepEqual(outcome, { sent: 48, firstMs: 60, lastMs: 0.9, warnings: [] });
  });

  test('go on while a compiler makes them faster', async () => {
    const { sent } = await send([...Array<number>(12).fill(10), ...Array<number>(12).fill(9), 8]);
    assert.equal(sent.length, 2 * (12 + 12 + 12 + 7)); // until eights are the middle of both dozens
  });

  test('of a second or more need two in a row that are alike: 4 and 5 seconds are, 4 and 5.01 are not', async () => {
    assert.equal((await send([4000, 5000])).sent.length, 4);
    assert.ok((await send([4000, 5010, 9000])).sent.length > 4);
  });

  test('stop after 20 rounds with a warning that names isolate and times', async () => {
    const { sent, outcome } = await send(Array.from({ length: 20 }, (_, index) => 2 ** index));
    assert.equal(sent.length, 40);
    assert.match(outcome.warnings[0] ?? '', /golden requests did not settle on isolate 0: 20 rounds.*524288\.0 ms/);
  });

  test('take turns, so that code is compiled for all of them', async () => {
    const { methods } = await send([1], { warm: ['POST /digits', 'GET /digits'] });
    assert.deepEqual(methods.slice(0, 4), ['POST', 'GET', 'POST', 'GET']);
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
