// What is on each device, read from the engines' statistics and the ledgers at the moment of the scrape.
import { MEMORY_PARTS } from '../engine/pool-memory.ts';
import type { Labels, MetricFamily } from './metric-family.ts';
import { ATTRIBUTES as A, METRICS } from './names.ts';
import { labelsOf, type NamedPoolStats } from './pool-metrics.ts';

/** Bytes of one device. */
export interface DeviceLedger {
  readonly device: string;
  /** Of a GPU. */
  readonly id?: string;
  readonly reservedBytes: number;
  readonly freeBytes: number;
  readonly driftBytes: number;
  readonly thrashing: boolean;
}

type Point = { readonly labels: Labels; readonly value: number };

export function deviceFamilies(devices: readonly DeviceLedger[], pools: readonly NamedPoolStats[]): readonly MetricFamily[] {
  const gauge = (name: string, unit: string, help: string, points: readonly Point[]): MetricFamily => ({ name, kind: 'gauge', unit, help, points: [...points] });
  const each = (value: (ledger: DeviceLedger) => number): readonly Point[] => devices.map((ledger) => ({ labels: labelsOfDevice(ledger), value: value(ledger) }));
  return [
    gauge(METRICS.deviceMemory, 'By', 'Bytes that pools hold, by what they are for; of each device, bytes promised to loads and free of its budget.',
      [...pools.flatMap(heldPoints), ...devices.flatMap(ledgerPoints)]),
    gauge(METRICS.deviceDrift, 'By', 'Bytes that engines hold now above what the ledger has in its books.', each(({ driftBytes }) => driftBytes)),
    gauge(METRICS.deviceThrashing, '1', '1 while much of the time goes into loading models again that were given up a moment ago.', each(({ thrashing }) => (thrashing ? 1 : 0))),
  ];
}

function heldPoints(pool: NamedPoolStats): readonly Point[] {
  const labels = { ...labelsOf(pool), [A.device]: pool.device };
  return MEMORY_PARTS.map((part) => ({ labels: { ...labels, [A.state]: part.slice(0, -'Bytes'.length) }, value: pool.stats.memory[part] }));
}

function labelsOfDevice({ device, id }: DeviceLedger): Labels {
  return { [A.device]: device, ...(id === undefined ? {} : { [A.hwId]: id }) };
}

function ledgerPoints(ledger: DeviceLedger): readonly Point[] {
  const { reservedBytes, freeBytes } = ledger;
  const states = [['reserved', reservedBytes], ['free', freeBytes]] as const;
  return states.map(([state, value]) => ({ labels: { ...labelsOfDevice(ledger), [A.state]: state }, value }));
}
