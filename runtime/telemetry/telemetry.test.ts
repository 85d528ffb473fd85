import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as semconv from '@opentelemetry/semantic-conventions';
import * as incubating from '@opentelemetry/semantic-conventions/incubating';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { loadRecord, requestRecord, runRecord } from '../../test/support/records.ts';
import { ATTRIBUTES, METRICS } from './names.ts';
import { RequestMeter, type MeterReport } from './request-meter.ts';
import type { Span } from './span-tree.ts';
import type { TraceIdentity } from './span-export.ts';
import { Telemetry, type TelemetryOptions } from './telemetry.ts';
import { waterfall } from './waterfall.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} } as never;

function setUp() {
  const exported: { readonly root: Span; readonly identity: TraceIdentity }[] = [];
  const spanExport = { export: (root: Span, identity: TraceIdentity) => void exported.push({ root, identity }), close: async () => {} };
  const telemetry = new Telemetry({ log: SILENT, spanExport, pools: () => [], devices: () => [] });
  const clock = new ManualClock();
  const meter = new RequestMeter({ clock, report: (report: MeterReport) => telemetry.metered(structuredClone(report)) });
  return { telemetry, exported, meter, clock };
}

function namesOf(span: Span): unknown {
  return span.children.length === 0 ? span.name : { [span.name]: span.children.map(namesOf) };
}

describe('telemetry', () => {
  test('names that conventions define are spelled as the conventions spell them', () => {
    const known = new Set<unknown>(Object.values({ ...semconv, ...incubating }).filter((value) => typeof value === 'string'));
    const ours = Object.values({ ...ATTRIBUTES, ...METRICS }).filter((name) => !name.startsWith('pilotlight.'));
    assert.deepEqual(ours.filter((name) => !known.has(name)), []);
  });

  test('a cold request holds the whole load, a joined one links to it', () => {
    const { telemetry, exported, meter } = setUp();
    telemetry.load(loadRecord());
    const loadId = '3'.repeat(16);
    meter.record(requestRecord({ requestId: 'joined', traceId: '4'.repeat(32), start: 'joined', runs: [runRecord({ start: 'joined', loadId })] }));
    meter.record(requestRecord({ requestId: 'cold', start: 'cold', runs: [runRecord({ start: 'cold', loadId })] }));
    meter.flush();
    const cold = exported.find(({ identity }) => identity.traceId.startsWith('1'));
    assert.deepEqual(cold && namesOf(cold.root), { 'POST /digits': [{ 'invoke digits': [{ acquire: [{ load: ['create', { warm: ['run'] }] }] }, 'queue', 'execute'] }] });
    const joined = exported.find(({ identity }) => identity.traceId.startsWith('4'));
    assert.deepEqual(joined?.root.children[0]?.children[0]?.links, [{ traceId: '1'.repeat(32), spanId: loadId }]);
  });

  test('a load that had to wait for room holds the evictions that made it', () => {
    const { telemetry, exported, meter } = setUp();
    const eviction = { pool: 'q', function: 'other', binding: 'M', reason: 'room', for: 'digits', bytes: 2 ** 20, idleMs: 40_000, startMs: 1000, endMs: 1004 } as const;
    telemetry.load(loadRecord({ steps: [{ name: 'room', startMs: 1000, endMs: 1005 }], warm: [], evicted: [eviction] }));
    meter.record(requestRecord({ start: 'cold', runs: [runRecord({ start: 'cold', loadId: '3'.repeat(16) })] }));
    meter.flush();
    const load = exported[0]?.root.children[0]?.children[0]?.children[0];
    assert.deepEqual(load && namesOf(load), { load: [{ room: ['evict'] }] });
    const { [ATTRIBUTES.reason]: reason, [ATTRIBUTES.idleSeconds]: idle } = load?.children[0]?.children[0]?.attributes ?? {};
    assert.deepEqual([reason, idle], ['room', 40]);
  });

  test('the request that an isolate was started for holds the start, one that waited for it links to it', () => {
    const { telemetry, exported, meter } = setUp();
    const startId = '5'.repeat(16);
    const wait = { fromMs: 1000.1, untilMs: 1002, startId, startMs: 1000.2, readyMs: 1001.9 };
    meter.record(requestRecord({ requestId: 'joined', traceId: '4'.repeat(32), start: 'joined', wait: { ...wait, start: 'joined' } }));
    meter.record(requestRecord({ start: 'cold', wait: { ...wait, start: 'cold' } }));
    meter.flush();
    meter.record(requestRecord({ sampled: true }));
    meter.flush();
    const [cold, joined] = ['1', '4'].map((digit) => exported.find(({ identity }) => identity.traceId.startsWith(digit))?.root);
    assert.deepEqual(cold === undefined ? undefined : namesOf(cold), { 'POST /digits': [{ isolate: ['start'] }, 'invoke digits'] });
    assert.equal(cold?.children[0]?.children[0]?.spanId, startId);
    assert.deepEqual(joined?.children[0]?.links, [{ traceId: '1'.repeat(32), spanId: startId }]);
    assert.deepEqual(telemetry.findTrace('joined')?.span.children[0]?.links, joined?.children[0]?.links);
  });

  test('a joined request that ends before the cold one is exported with its link as soon as the cold one has ended', () => {
    const { telemetry, exported, meter } = setUp();
    const loadId = '3'.repeat(16);
    telemetry.load(loadRecord());
    meter.record(requestRecord({ traceId: '4'.repeat(32), start: 'joined', runs: [runRecord({ start: 'joined', loadId })] }));
    meter.flush();
    assert.equal(exported.length, 0);
    meter.record(requestRecord({ start: 'cold', runs: [runRecord({ start: 'cold', loadId })] }));
    meter.flush();
    assert.equal(exported.find(({ identity }) => identity.traceId.startsWith('4'))?.root.children[0]?.children[0]?.links.length, 1);
  });

  test('a request that is not worth keeping can be looked at while it is among the last ones, and is not exported', () => {
    const { telemetry, exported, meter } = setUp();
    meter.record(requestRecord({ requestId: 'slowest', endedMs: 1500 }));
    for (let index = 0; index < 20; index++) meter.record(requestRecord({ requestId: `usual-${index}` }));
    meter.flush();
    assert.deepEqual(['usual-3', 'usual-4', 'usual-19'].map((id) => telemetry.findTrace(id) !== undefined), [false, true, true]);
    assert.deepEqual([exported.length, telemetry.recentTraces(10).length], [1, 1]);
  });

  test('cold, failed and golden requests and the slowest of the minute are kept without sampling, other warm ones are not', () => {
    const { telemetry, meter } = setUp();
    meter.record(requestRecord({ requestId: 'slowest', endedMs: 1500 }));
    meter.record(requestRecord({ requestId: 'usual' }));
    meter.record(requestRecord({ requestId: 'sampled', sampled: true }));
    meter.record(requestRecord({ requestId: 'cold', start: 'cold' }));
    meter.record(requestRecord({ requestId: 'failed', status: 500, errorCode: 'HANDLER_FAILED' }));
    meter.record(requestRecord({ requestId: 'golden', golden: true }));
    meter.flush();
    const kept = telemetry.recentTraces(10).map(({ record }) => record.requestId).reverse();
    assert.deepEqual(kept, ['slowest', 'sampled', 'cold', 'failed', 'golden']);
  });

  test('a kept request remembers which variants its runs were on, also when the version has gone', () => {
    let running = true;
    const passed = [{ path: 'sm90.engine', reason: 'no such GPU' }];
    const variantOf: TelemetryOptions['variantOf'] = ({ pool }, { function: name }) => (running ? { path: `${name} ${pool}`, passed } : undefined);
    const telemetry = new Telemetry({ log: SILENT, pools: () => [], devices: () => [], variantOf });
    const meter = new RequestMeter({ clock: new ManualClock(), report: (report: MeterReport) => telemetry.metered(report) });
    meter.record(requestRecord({ requestId: 'one', start: 'cold', runs: [runRecord(), runRecord(), runRecord({ binding: 'OTHER', pool: 'q' })] }));
    meter.flush();
    running = false;
    assert.deepEqual(telemetry.findTrace('one')?.variants, [{ binding: 'DIGITS', path: 'digits p', passed }, { binding: 'OTHER', path: 'digits q', passed }]);
  });

  test('a report goes out by itself after a while', () => {
    const { telemetry, meter, clock } = setUp();
    meter.record(requestRecord({ requestId: 'one', start: 'cold' }));
    assert.equal(telemetry.findTrace('one'), undefined);
    clock.advance(500);
    assert.ok(telemetry.findTrace('one'));
  });

  test('/metrics counts each request once, by start, with an exemplar that carries its trace', () => {
    const { telemetry, meter } = setUp();
    meter.record(requestRecord({ start: 'cold', endedMs: 1200 }));
    for (let i = 0; i < 3; i++) meter.record(requestRecord({ endedMs: 1001 }));
    meter.record(requestRecord({ status: 504, errorCode: 'DEADLINE' }));
    meter.flush();
    const text = telemetry.openMetrics();
    const faas = 'faas_name="digits",faas_version="aaaaaaaa",faas_trigger="http"';
    assert.match(text, new RegExp(`^pilotlight_invoke_duration_seconds_count{${faas},pilotlight_start="cold"} 1$`, 'm'));
    assert.match(text, new RegExp(`^pilotlight_invoke_duration_seconds_count{${faas},pilotlight_start="warm"} 4$`, 'm'));
    assert.match(text, new RegExp(`^faas_coldstarts_total{${faas}} 1$`, 'm'));
    assert.match(text, new RegExp(`^faas_timeouts_total{${faas}} 1$`, 'm'));
    assert.match(text, /_bucket\{[^}]*le="0.25"\} 1 # \{trace_id="1{32}",span_id="2{16}"\} 0\.2 /);
    assert.match(text, /# EOF\n$/);
  });

  test('the trace of a rollout tells how long callers waited in its gap', () => {
    const { telemetry, exported } = setUp();
    const steps = [{ name: 'release', startMs: 1, endMs: 2 }, { name: 'load', startMs: 2, endMs: 30 }];
    telemetry.rollout({ rolloutId: 'r', kind: 'deploy', function: 'digits', startMs: 0, endMs: 50, steps, gapMs: 40 });
    assert.deepEqual(exported.map(({ root }) => [namesOf(root), root.attributes['pilotlight.gap_ms']]), [[{ 'deploy digits': ['release', 'load'] }, 40]]);
  });

  test('rollouts are told by kind, so that restores after a restart are no deploys', () => {
    const { telemetry } = setUp();
    for (const kind of ['deploy', 'restore', 'restore'] as const) telemetry.rollout({ rolloutId: 'r', kind, function: 'digits', startMs: 0, endMs: 5, steps: [] });
    const text = telemetry.openMetrics();
    for (const [kind, count] of [['deploy', 1], ['restore', 2]]) {
      assert.match(text, new RegExp(`^pilotlight_rollout_duration_seconds_count{[^}]*pilotlight_kind="${kind}"[^}]*} ${count}$`, 'm'));
    }
  });

  test('a caller cannot mint series by inventing methods', () => {
    const { telemetry, meter } = setUp();
    for (const method of ['BREW', 'WHEN']) meter.record(requestRecord({ method, status: 405, errorCode: 'BAD_METHOD' }));
    meter.flush();
    assert.match(telemetry.openMetrics(), /http_server_request_duration_seconds_count\{http_request_method="_OTHER",[^}]*\} 2/);
  });

  test('deploys cannot mint series without end: the idlest versions are summed up, and no request is lost from the sums', () => {
    const { telemetry, meter } = setUp();
    const current = 'f'.repeat(64);
    for (let deploys = 0; deploys < 1500; deploys++) {
      meter.record(requestRecord({ version: String(deploys).padStart(8, '0').padEnd(64, '0') }));
      meter.record(requestRecord({ version: current }));
      meter.flush();
    }
    const text = telemetry.openMetrics();
    assert.ok((text.match(/^faas_invoke_duration_seconds_count/gm) ?? []).length <= 1001);
    assert.match(text, /^http_server_request_duration_seconds_count{[^}]*} 3000$/m);
    assert.match(text, /^faas_invoke_duration_seconds_count{[^}]*faas_version="ffffffff"[^}]*} 1500$/m);
  });

  test('fault 56: a collector that is away at the end costs a warning, not the end', async () => {
    const warned: string[] = [];
    const log = { ...(SILENT as object), warn: (_fields: unknown, event: string) => void warned.push(event) } as never;
    const close = () => Promise.reject(new Error('connect ECONNREFUSED'));
    await new Telemetry({ log, spanExport: { export: () => {}, close }, pools: () => [], devices: () => [] }).close();
    assert.deepEqual(warned, ['telemetry.spans_lost']);
  });

  test('the waterfall draws a line for each span, nested and to scale', () => {
    const root: Span = {
      name: 'a', kind: 'server', startMs: 0, endMs: 10, attributes: {}, links: [],
      children: [{ name: 'b', kind: 'internal', startMs: 5, endMs: 10, attributes: {}, links: [], children: [] }],
    };
    assert.equal(waterfall(root, { barColumns: 4 }), 'a     10.00 ms  ▏████▕\n  b    5.00 ms  ▏  ██▕');
  });
});
