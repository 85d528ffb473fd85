// A rollout over fakes, and what all its tests ask: which versions it leaves where, and with which code it fails.
import assert from 'node:assert/strict';
import { bundleVersion, type Bundle } from '../../deploy/bundle/bundle.ts';
import type { RolloutEvent } from '../../deploy/rollout/rollout-event.ts';
import { Rollout, type Aborted, type RolloutOptions } from '../../deploy/rollout/rollout.ts';
import { PilotlightError, type ErrorCode } from '../../runtime/errors.ts';
import type { RolloutRecord } from '../../runtime/records.ts';
import type { Activity } from '../../runtime/supervisor/messages.ts';
import { Underway } from '../../runtime/supervisor/underway.ts';
import { bundleOf } from './bundle-of.ts';
import { FakeDataPlane } from './fake-data-plane.ts';
import { FakeEngine } from './fake-engine.ts';
import { FakeQuarantine } from './fake-quarantine.ts';
import { FakeResidency } from './fake-residency.ts';
import { FakeStore } from './fake-store.ts';
import { ManualClock } from './manual-clock.ts';

export const MODEL = { models: { DIGITS: { path: 'digits.onnx' } } };
export const GOLDEN = { warm: [{ request: 'POST /digits', expect: { status: 200 } }] };
export const V1 = bundleOf('digits', 'one', { ...MODEL, ...GOLDEN });
export const V2 = bundleOf('digits', 'two', { models: { DIGITS: { path: 'better.onnx' } }, ...GOLDEN });

export interface Kept extends Pick<RolloutOptions, 'startFirst' | 'loadFirst'> {
  readonly store?: FakeStore;
  readonly quarantine?: FakeQuarantine;
}

export function setUp(kept: Kept = {}) {
  const store = kept.store ?? new FakeStore();
  const [dataPlane, residency, engine, clock] = [new FakeDataPlane(), new FakeResidency(), new FakeEngine(), new ManualClock()];
  const quarantine = kept.quarantine ?? new FakeQuarantine();
  const activities: Activity[] = [];
  const underway = new Underway({ clock, tell: (activity) => activities.push(activity) });
  const records: RolloutRecord[] = [];
  const aborted: Aborted[] = [];
  const rollout = new Rollout({
    store, dataPlane, residency, engine, clock, underway, quarantine, slotsDefault: 2, drainTimeoutMs: 1000, onRecord: (record) => records.push(record),
    onAborted: (one) => aborted.push(one),
    ...(kept.startFirst === undefined ? {} : { startFirst: kept.startFirst }), ...(kept.loadFirst === undefined ? {} : { loadFirst: kept.loadFirst }),
  });
  return { aborted, activities, quarantine, store, dataPlane, residency, engine, clock, records, rollout };
}

export type Host = ReturnType<typeof setUp>;

export function deploy({ rollout }: Pick<Host, 'rollout'>, bundle: Bundle, onEvent: (event: RolloutEvent) => void = () => {}) {
  return rollout.deploy(bundle, { warming: 'warm', onEvent });
}

/** Everything that a version can leave behind, as one value to compare. */
export function footprint({ store, dataPlane, residency }: Host) {
  return {
    serving: dataPlane.serving,
    running: [...dataPlane.running.keys()].sort(),
    declared: [...new Set([...residency.declared.values()].flatMap((ids) => [...ids]))].sort(),
    resident: [...residency.resident].sort(),
    paused: [...dataPlane.paused.keys()].sort(),
    current: store.state().functions['digits']?.current,
    stored: [...store.versions.keys()].sort(),
  };
}

export function idOf(bundle: Bundle): string {
  return `${bundle.manifest.name}@${bundleVersion(bundle)}`;
}

export function failsWith(code: ErrorCode, ...parts: readonly string[]) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof PilotlightError, String(error));
    assert.equal(error.code, code, error.message);
    for (const part of parts) assert.ok(error.message.includes(part), `"${error.message}" should name ${part}`);
    return true;
  };
}

/** Calls `act` before the k-th operation of any part of the host, counted from now. */
export function beforeOperation(host: Host, k: number, act: (operation: string) => void | Promise<void>): () => number {
  let count = 0;
  const hook = async (operation: string): Promise<void> => {
    count++;
    if (count === k) await act(operation);
  };
  for (const part of [host.store, host.dataPlane, host.residency, host.engine]) part.before = hook;
  return () => count;
}
