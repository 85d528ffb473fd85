// What a host tells others of itself, judged by others' programs: traces by a collector, metrics by Prometheus' own parser,
// logs by every line being one JSON object.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { pythonWith, runPython } from '../support/python-packages.ts';
import { RealHost } from '../support/real-host.ts';

const TIME = { timeout: 120_000 };
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const CALLER_SPAN_ID = 'b7ad6b7169203331';

let host: RealHost;
let collector: OtlpReceiver;
const folders = new FunctionFolders();
before(async () => {
  collector = await OtlpReceiver.open();
  host = await RealHost.start({
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_SERVICE_NAME: 'gpu-host-1', OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    },
    flags: ['--trace-sampling=0'],
  });
}, TIME);
after(async () => {
  await host.close();
  collector.close();
  folders.remove();
});

function write(name: string, script: readonly string[] = ['load-ms 300']): string {
  return folders.write(name, {
    handler: `export default { async fetch(request, env, context) {
      if (request.url.endsWith('/throws')) throw new Error('no luck');
      await context.span('own work', () => {}); await ${RUN_FAKE}; return new Response('ok'); } };`,
    manifest: { routes: [`/${name}`, `POST /${name}/:what`], models: { MODEL: { path: 'model.fake', slots: 1 } } }, files: { 'model.fake': fakeModel([`# ${name}`, ...script]) },
  });
}

const ofTrace = (traceId: string): readonly ReceivedSpan[] => collector.spans.filter((span) => span.traceId === traceId);
const named = (traceId: string, name: string): Promise<ReceivedSpan> => collector.until(() => ofTrace(traceId).find((span) => span.name === name));

test('fault 59: a cold start is exported also when the caller does not sample, inside the caller\'s trace, with its load', TIME, async () => {
  await host.deploy(write('cold'), '--no-warm');
  const answer = await host.ask('/cold/7', { method: 'POST', body: 'x', headers: { traceparent: `00-${TRACE_ID}-${CALLER_SPAN_ID}-00` } });
  assert.equal(answer.headers.get('pilotlight-start'), 'cold');
  const server = await named(TRACE_ID, 'POST /cold/:what');
  const parentOf = async (name: string): Promise<string> => {
    const { parentSpanId } = await named(TRACE_ID, name);
    return ofTrace(TRACE_ID).find(({ spanId }) => spanId === parentSpanId)?.name ?? parentSpanId ?? 'none';
  };
  const nesting = {
    'POST /cold/:what': CALLER_SPAN_ID, 'invoke cold': 'POST /cold/:what', 'own work': 'invoke cold', acquire: 'invoke cold',
    load: 'acquire', warm: 'load', queue: 'invoke cold', execute: 'invoke cold',
  };
  for (const [name, parent] of Object.entries(nesting)) assert.equal(await parentOf(name), parent, name);
  assert.equal(server.kind, 2);
  const { attributes, resource } = server;
  assert.deepEqual(
    ['http.request.method', 'http.route', 'http.response.status_code', 'url.path', 'faas.name', 'faas.trigger', 'faas.coldstart'].map((name) => attributes[name]),
    ['POST', '/cold/:what', 200, '/cold/7', 'cold', 'http', true],
  );
  assert.equal(attributes['faas.invocation.id'], answer.headers.get('pilotlight-request-id'));
  assert.deepEqual([resource['service.name'], resource['deployment.environment.name']], ['gpu-host-1', 'test']);
  const [load, acquire] = [await named(TRACE_ID, 'load'), await named(TRACE_ID, 'acquire')];
  assert.ok(load.startNs >= acquire.startNs && load.endNs <= acquire.endNs && load.endNs - load.startNs >= 300_000_000n);
  assert.ok(Math.abs(Number(server.endNs / 1_000_000n) - Date.now()) < 60_000, 'stamps are of the clock on the wall');
});

test('fault 59: of fifty cold starts of unsampled callers every one is exported, and of their warm followers hardly any', TIME, async () => {
  const traceIdOf = (index: number, kind: 'cold' | 'warm'): string => `${kind === 'cold' ? 'c' : 'a'}${String(index).padStart(31, '0')}`;
  for (let index = 0; index < 50; index += 1) {
    await host.deploy(write('often', [`# ${index}`]), '--no-warm');
    for (const kind of ['cold', 'warm'] as const) {
      const answer = await host.ask('/often', { headers: { traceparent: `00-${traceIdOf(index, kind)}-${CALLER_SPAN_ID}-00` } });
      assert.equal(answer.headers.get('pilotlight-start'), kind);
    }
  }
  const exported = (kind: 'cold' | 'warm'): number => new Set(Array.from({ length: 50 }, (_, index) => traceIdOf(index, kind)).filter((id) => ofTrace(id).length > 0)).size;
  assert.equal(await collector.until(() => (exported('cold') === 50 ? 50 : undefined)), 50);
  // One that was the slowest of its minute so far is kept, too.
  assert.ok(exported('warm') <= 5, `${exported('warm')} warm requests were exported`);
});

test('fault 29: joined requests link to the load that served them, in the trace of the request that started it', TIME, async () => {
  await host.deploy(write('joined'), '--no-warm');
  const starts = await Promise.all(Array.from({ length: 10 }, async () => (await host.ask('/joined')).headers.get('pilotlight-start')));
  assert.deepEqual(starts.sort(), ['cold', ...Array.from({ length: 9 }, () => 'joined')]);
  const load = await collector.until(() => collector.spans.find(({ name, attributes }) => name === 'load' && attributes['faas.name'] === 'joined'));
  const waits = await collector.until(() => {
    const found = collector.spans.filter(({ name, attributes, traceId }) => name === 'acquire' && attributes['pilotlight.start'] === 'joined' && traceId !== load.traceId
      && collector.spans.some((one) => one.traceId === traceId && one.attributes['faas.name'] === 'joined'));
    return found.length === 9 ? found : undefined;
  });
  for (const { links } of waits) assert.deepEqual(links, [{ traceId: load.traceId, spanId: load.spanId }]);
});

test('a sampled caller\'s warm request, a failed one and a deploy are exported', TIME, async () => {
  await host.deploy(write('plain'));
  await host.ask('/plain', { headers: { traceparent: `00-${'1'.repeat(32)}-${CALLER_SPAN_ID}-01` } });
  assert.equal((await named('1'.repeat(32), 'GET /plain')).parentSpanId, CALLER_SPAN_ID);
  await host.ask('/plain/throws', { method: 'POST', headers: { traceparent: `00-${'2'.repeat(32)}-${CALLER_SPAN_ID}-00` } });
  const failed = await named('2'.repeat(32), 'POST /plain/:what');
  assert.deepEqual([failed.statusCode, failed.attributes['error.type'], failed.attributes['http.response.status_code']], [2, 'HANDLER_FAILED', 500]);
  const deploy = await collector.until(() => collector.spans.find(({ name, attributes }) => name === 'deploy plain' && attributes['faas.name'] === 'plain'));
  const steps = await collector.until(() => {
    const names = ofTrace(deploy.traceId).filter(({ parentSpanId }) => parentSpanId === deploy.spanId).map(({ name }) => name);
    return names.includes('confirm') ? names : undefined;
  });
  assert.deepEqual(steps, ['check', 'store', 'plan', 'load', 'warm', 'isolates', 'golden', 'commit', 'switch', 'drain', 'unload', 'confirm']);
});

test('every line of the log is one JSON object, and those of requests carry the ids of their traces', TIME, async () => {
  assert.deepEqual(host.strayLines, []);
  assert.deepEqual(host.logs.filter(({ level, event }) => typeof level !== 'string' || typeof event !== 'string'), []);
  const cold = await host.event('request.kept', 1, (line) => line['function'] === 'cold');
  assert.deepEqual([cold['traceId'], cold['start'], cold['status']], [TRACE_ID, 'cold', 200]);
  assert.match(String(cold['spanId']), /^[0-9a-f]{16}$/);
  const failed = await host.event('request.kept', 1, (line) => line['errorCode'] === 'HANDLER_FAILED');
  assert.equal(failed['traceId'], '2'.repeat(32));
  const told = await host.event('handler.log', 1, (line) => line['requestId'] === failed['requestId']);
  assert.match(String(told['text']), /no luck/);
});

const PARSE = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
print(json.dumps([{ 'name': f.name, 'type': f.type, 'unit': f.unit, 'samples': len(f.samples),
  'exemplars': [s.exemplar.labels for s in f.samples if s.exemplar] } for f in families]))
`;

test('/metrics is OpenMetrics to the letter, with exemplars that lead to traces', TIME, async () => {
  const answer = await fetch(new URL('/metrics', host.adminUrl));
  assert.equal(answer.headers.get('content-type'), 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  const families = JSON.parse(runPython(pythonWith('prometheus-client==0.25.0'), PARSE, await answer.text())) as readonly {
    name: string; type: string; unit: string; samples: number; exemplars: readonly Record<string, string>[];
  }[];
  const kinds = new Map(families.map(({ name, type }) => [name, type]));
  for (const [name, type] of [
    ['http_server_request_duration_seconds', 'histogram'], ['faas_invoke_duration_seconds', 'histogram'], ['faas_init_duration_seconds', 'histogram'],
    ['faas_coldstarts', 'counter'], ['faas_errors', 'counter'], ['faas_timeouts', 'counter'], ['pilotlight_invoke_duration_seconds', 'histogram'],
    ['pilotlight_pool_slots', 'gauge'], ['pilotlight_pool_busy', 'gauge'], ['pilotlight_pool_waiting', 'gauge'], ['pilotlight_pool_hit', 'counter'],
    ['pilotlight_pool_miss', 'counter'], ['pilotlight_device_memory_bytes', 'gauge'], ['pilotlight_load_failures', 'counter'],
    ['pilotlight_load_duration_seconds', 'histogram'], ['pilotlight_rollout_duration_seconds', 'histogram'],
  ] as const) assert.equal(kinds.get(name), type, name);
  const exemplars = families.flatMap((family) => family.exemplars);
  assert.ok(exemplars.some((labels) => collector.spans.some(({ traceId }) => traceId === labels['trace_id'])), 'an exemplar names an exported trace');
});

test('by default traces leave as protobuf, and a stopping host sends what it has left', TIME, async () => {
  const other = await OtlpReceiver.open();
  const second = await RealHost.start({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: other.url } });
  try {
    await second.deploy(write('binary'), '--no-warm');
    await second.ask('/binary', { headers: { traceparent: `00-${TRACE_ID}-${CALLER_SPAN_ID}-00` } });
    second.kill('SIGTERM');
    assert.equal((await second.ended).exitCode, 0);
    const all = Buffer.concat(other.bodies.map(({ bytes }) => bytes));
    assert.deepEqual([...new Set(other.bodies.map(({ path, contentType }) => `${path} ${contentType}`))], ['/v1/traces application/x-protobuf']);
    for (const text of ['GET /binary', 'invoke binary', 'acquire', 'load', 'execute', 'deploy binary']) assert.ok(all.includes(text), text);
    assert.ok(all.includes(Buffer.from(TRACE_ID, 'hex')), 'the trace of the caller');
  } finally {
    await second.close();
    other.close();
  }
});
