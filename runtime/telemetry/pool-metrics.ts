// Pool metrics, read from the engine's own statistics at the moment of the scrape.
import type { PoolStats } from '../engine/port.ts';
import type { Labels, MetricFamily } from './metric-family.ts';
import { ATTRIBUTES as A, METRICS } from './names.ts';

/** A pool's statistics and the function and binding that people know it by. */
export interface NamedPoolStats {
  readonly function: string;
  readonly binding: string;
  readonly device: string;
  readonly stats: PoolStats;
}

export function poolFamilies(pools: readonly NamedPoolStats[]): readonly MetricFamily[] {
  const family = (name: string, kind: 'gauge' | 'counter', unit: string, help: string, value: (stats: PoolStats) => number): MetricFamily => ({
    name, kind, unit, help, points: pools.map((pool) => ({ labels: labelsOf(pool), value: value(pool.stats) })),
  });
  return [
    family(METRICS.poolSlots, 'gauge', '{slot}', 'Slots of a pool.', (s) => s.slots),
    family(METRICS.poolBusy, 'gauge', '{slot}', 'Slots that run a job now.', (s) => s.busy),
    family(METRICS.poolWaiting, 'gauge', '{job}', 'Jobs that wait for a slot now.', (s) => s.waiting),
    family(METRICS.poolHit, 'counter', '{job}', 'Jobs that found the pool resident.', (s) => s.hits),
    family(METRICS.poolMiss, 'counter', '{job}', 'Jobs that found the pool not resident.', (s) => s.misses),
    family(METRICS.poolQueueFull, 'counter', '{job}', 'Jobs refused because too many waited.', (s) => s.queueFull),
    family(METRICS.poolQueueTimeout, 'counter', '{job}', 'Jobs that waited too long for a slot.', (s) => s.queueTimeouts),
    family(METRICS.poolFailures, 'counter', '{job}', 'Jobs that the engine failed.', (s) => s.failures),
    family(METRICS.poolQueueTime, 'counter', 's', 'Time that jobs waited for a slot.', (s) => s.queueMs / 1000),
    family(METRICS.poolRunTime, 'counter', 's', 'Time that jobs ran.', (s) => s.runMs / 1000),
  ];
}

export function labelsOf({ function: name, binding }: NamedPoolStats): Labels {
  return { [A.faasName]: name, [A.binding]: binding };
}
