// A host without threads, files or engines behind the real admin API: fakes below, the real rollout and routes above.
import { createAdmin, type Health } from '../../deploy/admin/admin.ts';
import { Rollout } from '../../deploy/rollout/rollout.ts';
import type { RolloutRecord } from '../../runtime/records.ts';
import { Underway } from '../../runtime/supervisor/underway.ts';
import { FakeDataPlane } from './fake-data-plane.ts';
import { FakeEngine } from './fake-engine.ts';
import { FakeQuarantine } from './fake-quarantine.ts';
import { FakeResidency } from './fake-residency.ts';
import { FakeStore } from './fake-store.ts';
import { ManualClock } from './manual-clock.ts';

export const FAKE_TOKEN = 'test-token';

export function fakeHost() {
  const [store, dataPlane, residency, engine, clock] = [new FakeStore(), new FakeDataPlane(), new FakeResidency(), new FakeEngine(), new ManualClock()];
  const quarantine = new FakeQuarantine();
  const underway = new Underway({ clock, tell: () => {} });
  const records: RolloutRecord[] = [];
  const rollout = new Rollout({
    store, dataPlane, residency, engine, clock, underway, quarantine, slotsDefault: 2, drainTimeoutMs: 1000, onRecord: (record) => records.push(record),
  });
  const health: { live: Health; ready: Health } = { live: { ok: true }, ready: { ok: true } };
  const traces = new Map<string, unknown>();
  const admin = createAdmin({
    token: FAKE_TOKEN, hostNames: ['gpu1.example'], store, rollout, dataPlane, residency, clock,
    libraries: () => [{ name: 'NVIDIA driver', path: 'libcuda.so.1', reason: 'left out' }],
    capabilities: () => [{ backend: 'onnxruntime', available: true, version: '1.30.0' }, { backend: 'fake', available: false, reason: 'left out' }],
    devices: () => engine.devices(),
    traces: { recent: () => [...traces.values()], find: (requestId) => traces.get(requestId) },
    live: () => health.live,
    ready: () => health.ready,
    metrics: () => '# EOF\n',
  });
  return { admin, quarantine, rollout, store, dataPlane, residency, engine, clock, records, health, traces };
}
