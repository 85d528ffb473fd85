// Every metric as /metrics shows it. Names, kinds, units and labels are read from families made of one sample
// event each; the question that a metric answers stands here, and the type asks for one of each.
import { EventMetrics } from '../../runtime/telemetry/event-metrics.ts';
import type { MetricFamily } from '../../runtime/telemetry/metric-family.ts';
import { METRICS } from '../../runtime/telemetry/names.ts';
import { openMetricsText } from '../../runtime/telemetry/open-metrics.ts';
import { deviceFamilies } from '../../runtime/telemetry/device-metrics.ts';
import { poolFamilies } from '../../runtime/telemetry/pool-metrics.ts';
import { requestFamilies } from '../../runtime/telemetry/request-metrics.ts';
import { foldRequest, type RequestSeriesMap } from '../../runtime/telemetry/request-series.ts';
import { code, table } from './markdown.ts';
import { SAMPLE_DEVICE, SAMPLE_EVICTION, SAMPLE_LOADS, SAMPLE_ISOLATE, SAMPLE_POOL, SAMPLE_REPAIR, SAMPLE_REQUESTS, SAMPLE_ROLLOUT } from './sample-events.ts';

const QUESTIONS: Readonly<Record<keyof typeof METRICS, string>> = {
  httpDuration: 'How long do callers wait, by route and status?',
  invokeDuration: 'How long do handlers take?',
  initDuration: 'How long does a load take, whole?',
  coldstarts: 'How often did a caller pay for a load?',
  errors: 'How often does a function fail, and by which code?',
  timeouts: 'How often is a deadline missed?',
  startDuration: 'What does a cold or joined start cost against a warm one?',
  poolSlots: 'How many runs can go at once?',
  poolBusy: 'How many go now? Near the number of slots: the pool is too small.',
  poolWaiting: 'Is anybody waiting for a slot?',
  poolHit: 'How many jobs found their model loaded?',
  poolMiss: 'How many had to ask for a load?',
  poolQueueFull: 'How many were refused with QUEUE_FULL?',
  poolQueueTimeout: 'How many were given up with QUEUE_TIMEOUT?',
  poolFailures: 'How many did the engine fail?',
  poolQueueTime: 'How much time goes into waiting? Over the hits: the mean wait.',
  poolRunTime: 'How much time goes into runs? Over the hits: the mean run.',
  poolEvictions: 'Which models are given up for the room of others, or because nobody uses them?',
  poolRepairs: 'Which models failed their check, how, and did loading them again help?',
  deviceMemory: 'Whose bytes are in memory, and what for? How much is free?',
  deviceDrift: 'Do engines hold more than the ledger says?',
  deviceThrashing: 'Does demand cycle over more models than fit? Then pin one or raise the budget.',
  loadFailures: 'Does a model fail to load?',
  loadDuration: 'Which step of a load takes the time?',
  rolloutDuration: 'How long do rollouts take, and how many fail?',
  isolateStarts: 'Are isolates being replaced?',
};

export function metricSection(): string {
  const families = sampleFamilies();
  const rows = Object.entries(METRICS).map(([key, name]) => {
    const family = families.find((one) => one.name === name);
    if (family === undefined) throw new Error(`no event makes the metric ${name}`);
    return [code(name), code(shownName(family)), family.kind, labelsOf(family), QUESTIONS[key as keyof typeof METRICS]];
  });
  return table(['metric', 'in `/metrics`', 'kind', 'labels', 'the question it answers'], rows);
}

function sampleFamilies(): readonly MetricFamily[] {
  const series: RequestSeriesMap = new Map();
  for (const request of SAMPLE_REQUESTS) foldRequest(series, request, false);
  const events = new EventMetrics();
  for (const load of SAMPLE_LOADS) events.load(load);
  events.evicted(SAMPLE_EVICTION);
  events.repaired(SAMPLE_REPAIR);
  events.isolate(SAMPLE_ISOLATE);
  events.rollout(SAMPLE_ROLLOUT);
  return [...requestFamilies([...series.values()]), ...events.families(), ...poolFamilies([SAMPLE_POOL]), ...deviceFamilies([SAMPLE_DEVICE], [SAMPLE_POOL])];
}

/** As a query names it. */
function shownName(family: MetricFamily): string {
  const lines = openMetricsText([family]).split('\n').filter((line) => !line.startsWith('#'));
  return (lines.at(-2) ?? '').replace(/[{ ].*/, '').replace(/_(sum|count)$/, '');
}

function labelsOf({ points }: MetricFamily): string {
  const names = new Set(points.flatMap(({ labels }) => Object.keys(labels)));
  return [...names].map((name) => code(name.replaceAll('.', '_'))).join(' ');
}
