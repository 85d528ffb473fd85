// Requests that meet a model which is not loaded, on a real host: one load for all of them, told in headers, traces and metrics;
// a load that fails, is late, or is waited for by nobody any more.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FunctionView } from '../../deploy/admin/view-routes.ts';
import type { Span } from '../../runtime/telemetry/span-tree.ts';
import type { KeptTrace } from '../../runtime/telemetry/trace-book.ts';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { sumOf } from '../support/metrics-text.ts';
import { RealHost } from '../support/real-host.ts';

const TIME = { timeout: 60_000 };
const WAITERS_MAX = 60;

let host: RealHost;
const folders = new FunctionFolders();
before(async () => {
  host = await RealHost.start({ flags: [`--load-waiters-max=${WAITERS_MAX}`] });
}, TIME);
after(async () => {
  await host.close();
  folders.remove();
});

/** Deploys a function whose model nobody has loaded. */
async function deployCold(name: string, script: readonly string[], limits: object = {}): Promise<void> {
  const folder = folders.write(name, {
    handler: `export default { async fetch(request, env, context) { await context.span('own work', () => {}); await ${RUN_FAKE}; return new Response('${name}'); } };`,
    manifest: { limits, models: { MODEL: { path: 'model.fake', slots: 2, queue: { max: 2000, timeoutMs: 10_000 } } } },
    files: { 'model.fake': fakeModel([`# ${name}`, ...script]) },
  });
  await host.deploy(folder, '--no-warm');
}

interface Answer {
  readonly status: number;
  readonly start: string | null;
  readonly code: string | undefined;
  readonly retryAfterS: string | null;
  readonly requestId: string;
}

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const answer = await host.ask(path, init);
  const text = await answer.text();
  const { headers } = answer;
  return {
    status: answer.status, start: headers.get('pilotlight-start'), retryAfterS: headers.get('retry-after'), requestId: headers.get('pilotlight-request-id') ?? '',
    code: answer.ok ? undefined : (JSON.parse(text) as { code: string }).code,
  };
}

/** What telemetry is told twice a second. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const untilMs = performance.now() + 10_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(performance.now() < untilMs, 'telemetry never told it');
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

const traceOf = (requestId: string): Promise<KeptTrace> => until(() => host.view<{ trace: KeptTrace }>(`/v1/traces/${requestId}`).then(({ trace }) => trace, () => undefined));

/** The names on the way down, `POST /digits > invoke digits > acquire`. */
function namesOf(span: Span, above = ''): readonly string[] {
  const path = above === '' ? span.name : `${above} > ${span.name}`;
  return [path, ...span.children.flatMap((child) => namesOf(child, path))];
}

function find(span: Span, name: string): Span {
  const found = [span].concat(span.children.flatMap(allOf)).find((one) => one.name === name);
  assert.ok(found !== undefined, `no span ${name} in ${namesOf(span).join('; ')}`);
  return found;
}

const allOf = (span: Span): Span[] => [span, ...span.children.flatMap(allOf)];

test('fault 29: fifty requests at once on a model that is not loaded are one cold, the others joined, by one load', TIME, async () => {
  await deployCold('fifty', ['load-ms 400']);
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask('/fifty')));
  assert.deepEqual(answers.filter(({ status }) => status !== 200), []);
  assert.deepEqual([answers.filter(({ start }) => start === 'cold').length, answers.filter(({ start }) => start === 'joined').length], [1, 49]);
  assert.equal((await ask('/fifty')).start, 'warm');
  const text = await until(async () => {
    const metrics = await host.metrics();
    return sumOf(metrics, 'pilotlight_invoke_duration_seconds_count', 'faas_name="fifty"') === 51 ? metrics : undefined;
  });
  assert.equal(sumOf(text, 'faas_coldstarts_total', 'faas_name="fifty"'), 1);
  assert.equal(sumOf(text, 'faas_init_duration_seconds_count', 'faas_name="fifty"'), 1);
  assert.equal(sumOf(text, 'pilotlight_load_failures_total', 'faas_name="fifty"'), 0);

  const cold = await traceOf(answers.find(({ start }) => start === 'cold')?.requestId ?? '');
  const names = namesOf(cold.span);
  for (const name of ['> acquire', '> acquire > load', '> acquire > load > warm', '> queue', '> execute', '> own work']) {
    assert.ok(names.includes(`/fifty > invoke fifty ${name}`) || names.some((one) => one.endsWith(`invoke fifty ${name}`)), `${name} is not in ${names.join('; ')}`);
  }
  const [acquire, load] = [find(cold.span, 'acquire'), find(cold.span, 'load')];
  assert.ok(load.startMs >= acquire.startMs && load.endMs <= acquire.endMs && load.endMs - load.startMs >= 400, 'the load lies inside acquire');
  assert.equal(find(load, 'warm').children.length, 4, 'two runs on each of two slots');

  for (const { requestId } of answers.filter(({ start }) => start === 'joined')) {
    const { span } = await traceOf(requestId);
    assert.deepEqual(find(span, 'acquire').links, [{ traceId: cold.record.traceId, spanId: load.spanId }]);
    assert.equal(allOf(span).some(({ name }) => name === 'load'), false, 'the load is drawn where it was started');
  }
});

test('fault 30: a failing load is 503 with Retry-After for each who waited, once, and not tried again before that', TIME, async () => {
  await deployCold('failing', ['load-ms 200', 'fail-load no luck']);
  const failures = async (): Promise<number> => sumOf(await host.metrics(), 'pilotlight_load_failures_total', 'faas_name="failing"');
  const first = await Promise.all(Array.from({ length: 20 }, () => ask('/failing')));
  assert.deepEqual(first.filter(({ status, code, retryAfterS }) => status !== 503 || code !== 'LOAD_FAILED' || retryAfterS === null), []);
  assert.equal(await failures(), 1);
  const during = await ask('/failing');
  assert.deepEqual([during.status, during.code, during.retryAfterS], [503, 'LOAD_FAILED', '1']);
  assert.equal(await failures(), 1, 'nothing was loaded for it');
  const { functions } = await host.view<{ functions: readonly FunctionView[] }>('/v1/functions');
  const told = functions.find(({ name }) => name === 'failing');
  assert.deepEqual([told?.ready, told?.state, (told?.retryInS ?? 9) <= 1], [false, 'serving', true]);
  assert.match(told?.reason ?? '', /failing's model MODEL failed to load \(LOAD_FAILED: .*no luck/);
  assert.equal(functions.find(({ name }) => name === 'fifty')?.ready, true);
  assert.match((await host.here(['functions'])).out, /failing@\S+ +serving +no, (tried in 1 s|next request tries) .* failing's model MODEL failed to load/);
  await until(async () => {
    await ask('/failing');
    return await failures() === 2 ? true : undefined;
  });
});

test('fault 30: more than may wait for a load are told TOO_BUSY at once, the others are served', TIME, async () => {
  await deployCold('crowded', ['load-ms 500']);
  const answers = await Promise.all(Array.from({ length: WAITERS_MAX + 40 }, () => ask('/crowded')));
  const served = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status !== 200);
  assert.equal(served.length, WAITERS_MAX + 1);
  assert.deepEqual(refused.filter(({ status, code, retryAfterS }) => status !== 429 || code !== 'TOO_BUSY' || retryAfterS === null), []);
});

test('fault 26: a caller who leaves during the load does not take it from the others', TIME, async () => {
  await deployCold('left', ['load-ms 500']);
  const leaving = new AbortController();
  const starter = ask('/left', { signal: leaving.signal });
  await host.event('isolate.started', 1, (line) => line['function'] === 'left');
  const { pools } = await until(async () => {
    const view = await host.view<{ pools: readonly { state: string; functions: readonly string[] }[] }>('/v1/pools');
    return view.pools.some(({ state, functions }) => state === 'loading' && functions[0]?.startsWith('left@') === true) ? view : undefined;
  });
  assert.ok(pools.length > 0);
  const joined = ask('/left');
  leaving.abort();
  await assert.rejects(starter, { name: 'AbortError' });
  assert.deepEqual([(await joined).status, (await joined).start], [200, 'joined']);
  assert.equal(sumOf(await host.metrics(), 'faas_init_duration_seconds_count', 'faas_name="left"'), 1);
});

test('fault 19: a load that takes longer than the request may is a 504, and serves those who come later', TIME, async () => {
  await deployCold('late', ['load-ms 1000'], { timeoutMs: 300 });
  const first = await ask('/late');
  assert.deepEqual([first.status, first.code], [504, 'DEADLINE']);
  await host.event('pool.loaded', 1, (line) => line['function'] === 'late');
  assert.deepEqual([(await ask('/late')).start, sumOf(await host.metrics(), 'faas_init_duration_seconds_count', 'faas_name="late"')], ['warm', 1]);
});

test('fault 58: a malformed traceparent begins a new trace, a valid one is continued, in headers and in what is kept', TIME, async () => {
  await deployCold('traced', []);
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const continued = await ask('/traced', { headers: { traceparent: `00-${traceId}-b7ad6b7169203331-00`, tracestate: 'vendor=1' } });
  assert.equal((await traceOf(continued.requestId)).record.traceId, traceId, 'a cold start is kept also where the caller does not sample');
  await host.here(['delete', 'traced']);
  const malformed = [
    'garbage', `00-${traceId}-0000000000000000-01`, `ff-${traceId}-b7ad6b7169203331-01`, `00-${traceId.toUpperCase()}-b7ad6b7169203331-01`, 'x'.repeat(8000),
  ];
  for (const traceparent of malformed) {
    await deployCold('traced', []);
    const answer = await ask('/traced', { headers: { traceparent, baggage: 'k=v'.repeat(1000) } });
    assert.equal(answer.status, 200);
    const { record } = await traceOf(answer.requestId);
    assert.notEqual(record.traceId, traceId);
    assert.equal(record.traceparent, undefined);
    await host.here(['delete', 'traced']);
  }
});
