// Metrics of what happens beside requests: loads, rollouts, isolate starts.
import type { EvictionRecord, IsolateRecord, LoadRecord, RepairRecord, RolloutRecord } from '../records.ts';
import { newHistogram, observe, type Histogram } from './histogram.ts';
import type { Labels, MetricFamily } from './metric-family.ts';
import { ATTRIBUTES as A, METRICS } from './names.ts';

export class EventMetrics {
  readonly #loads = new Tally();
  readonly #loadSteps = new Tally();
  readonly #loadFailures = new Tally();
  readonly #evictions = new Tally();
  readonly #repairs = new Tally();
  readonly #rollouts = new Tally();
  readonly #isolates = new Tally();

  load(record: LoadRecord): void {
    const labels = { [A.faasName]: record.function, [A.binding]: record.binding };
    if (record.errorCode !== undefined) {
      this.#loadFailures.add({ ...labels, [A.errorType]: record.errorCode }, 0);
      return;
    }
    this.#loads.add(labels, record.endMs - record.startMs);
    for (const step of record.steps) this.#loadSteps.add({ ...labels, [A.step]: step.name }, step.endMs - step.startMs);
    const first = record.warm[0];
    const last = record.warm.at(-1);
    if (first !== undefined && last !== undefined) this.#loadSteps.add({ ...labels, [A.step]: 'warm' }, last.endMs - first.startMs);
  }

  evicted(record: EvictionRecord): void {
    this.#evictions.add({ [A.faasName]: record.function, [A.binding]: record.binding, [A.reason]: record.reason }, record.idleMs);
  }

  repaired(record: RepairRecord): void {
    const labels = { [A.faasName]: record.function, [A.binding]: record.binding, [A.reason]: record.reason, [A.outcome]: record.outcome };
    this.#repairs.add(labels, record.endMs - record.startMs);
  }

  isolate(record: IsolateRecord): void {
    this.#isolates.add({ [A.faasName]: record.function, [A.reason]: record.reason, [A.errorType]: record.errorCode ?? '' }, record.endMs - record.startMs);
  }

  rollout(record: RolloutRecord): void {
    this.#rollouts.add({ [A.faasName]: record.function, [A.kind]: record.kind, [A.errorType]: record.errorCode ?? '' }, record.endMs - record.startMs);
  }

  families(): readonly MetricFamily[] {
    return [
      this.#loads.histogram(METRICS.initDuration, 'Whole loads of pools: from the ask until open.'),
      this.#loadSteps.histogram(METRICS.loadDuration, 'Loads of pools by step.'),
      this.#loadFailures.counter(METRICS.loadFailures, '{failure}', 'Loads that failed.'),
      this.#evictions.counter(METRICS.poolEvictions, '{eviction}', 'Pools unloaded for the room of another or because they were idle.'),
      this.#rollouts.histogram(METRICS.rolloutDuration, 'Deploys, rollbacks, changes of shares, deletes, and restores after a restart of the host, by kind.'),
      this.#repairs.counter(METRICS.poolRepairs, '{repair}', 'Pools that failed a check, by what was wrong and what came of it.'),
      this.#isolates.counter(METRICS.isolateStarts, '{start}', 'Isolates started, by reason.'),
    ];
  }
}

/** Durations by labels. Labels come from manifests and fixed words, so the number of entries is bounded. */
class Tally {
  readonly #entries = new Map<string, { readonly labels: Labels; readonly histogram: Histogram; count: number }>();

  add(labels: Labels, durationMs: number): void {
    const key = JSON.stringify(labels);
    const entry = this.#entries.get(key) ?? { labels, histogram: newHistogram(), count: 0 };
    observe(entry.histogram, durationMs / 1000);
    entry.count++;
    this.#entries.set(key, entry);
  }

  histogram(name: string, help: string): MetricFamily {
    return { name, kind: 'histogram', unit: 's', help, points: [...this.#entries.values()] };
  }

  counter(name: string, unit: string, help: string): MetricFamily {
    return { name, kind: 'counter', unit, help, points: [...this.#entries.values()].map(({ labels, count }) => ({ labels, value: count })) };
  }
}
