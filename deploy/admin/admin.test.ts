import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import type { ProblemBody } from '../../runtime/errors.ts';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { FAKE_TOKEN, fakeHost } from '../../test/support/fake-host.ts';
import { bundleVersion } from '../bundle/bundle.ts';
import type { DeployPlan } from '../rollout/deploy-plan.ts';
import type { PoolView } from '../../runtime/residency/residency.ts';
import type { ProgressLine } from './progress-stream.ts';
import type { DeviceView, DoctorView, FunctionView, VersionView } from './view-routes.ts';

const BUNDLE = bundleOf('digits', 'one', { models: { DIGITS: { path: 'digits.onnx' } } });

type Host = ReturnType<typeof fakeHost>;

interface Ask {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function call({ admin }: Pick<Host, 'admin'>, path: string, { method = 'GET', body, headers = {} }: Ask = {}) {
  const isRaw = typeof body === 'string' || body === undefined;
  return admin.request(path, {
    method,
    headers: { host: '127.0.0.1:8788', authorization: `Bearer ${FAKE_TOKEN}`, ...headers },
    ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) }),
  });
}

async function codeOf(response: Response | Promise<Response>): Promise<string> {
  const settled = await response;
  assert.equal(settled.headers.get('content-type'), 'application/problem+json');
  const problem = await settled.json() as ProblemBody;
  assert.equal(problem.status, settled.status);
  return `${problem.status} ${problem.code}`;
}

async function linesOf(response: Response | Promise<Response>): Promise<readonly ProgressLine[]> {
  const settled = await response;
  assert.deepEqual([settled.status, settled.headers.get('content-type')], [200, 'application/x-ndjson']);
  return (await settled.text()).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as ProgressLine);
}

const deploy = (host: Host, bundle: unknown = BUNDLE) => call(host, '/v1/deploys', { method: 'POST', body: { bundle } });

describe('guard', () => {
  test('fault 60: no token, a wrong one and one of another scheme are 401, on every address of /v1', async () => {
    const host = fakeHost();
    for (const authorization of ['', 'Bearer wrong', `Bearer ${FAKE_TOKEN}x`, `Basic ${FAKE_TOKEN}`, FAKE_TOKEN]) {
      for (const path of ['/v1/functions', '/v1/nowhere']) {
        const response = await call(host, path, { headers: { authorization } });
        assert.equal(response.headers.get('www-authenticate'), 'Bearer realm="pilotlight"');
        assert.equal(await codeOf(response), '401 NO_TOKEN', authorization);
      }
    }
  });

  test('fault 60: a page of another origin is 403 even with the token', async () => {
    const host = fakeHost();
    for (const headers of [{ origin: 'http://evil.example' }, { origin: 'null' }, { origin: 'http://127.0.0.1:9999' }, { 'sec-fetch-site': 'cross-site' }]) {
      assert.equal(await codeOf(call(host, '/v1/functions', { headers })), '403 FORBIDDEN');
    }
    assert.equal((await call(host, '/v1/functions', { headers: { origin: 'http://127.0.0.1:8788', 'sec-fetch-site': 'same-origin' } })).status, 200);
  });

  test('fault 60: a Host that is neither an address nor a name of ours is 403 even with the token', async () => {
    const host = fakeHost();
    for (const name of ['evil.example', 'evil.example:8788', 'localhost.evil.example', '127.0.0.1.evil.example', 'user@localhost', '']) {
      assert.equal(await codeOf(call(host, '/v1/functions', { headers: { host: name } })), '403 FORBIDDEN', name);
    }
    for (const name of ['localhost:8788', '127.0.0.1', '[::1]:8788', '10.0.0.7:8788', 'GPU1.example']) {
      assert.equal((await call(host, '/v1/functions', { headers: { host: name } })).status, 200, name);
    }
  });

  test('fault 60: a replayed deploy changes nothing', async () => {
    const host = fakeHost();
    await linesOf(deploy(host));
    const [last] = (await linesOf(deploy(host))).slice(-1);
    assert.ok(last !== undefined && 'result' in last);
    assert.deepEqual([last.result.outcome, host.store.state().generation], ['unchanged', 1]);
  });

  test('probes and metrics are open and tell the state', async () => {
    const host = fakeHost();
    host.health.ready = { ok: false, reason: 'digits is loading' };
    const [live, ready, metrics] = await Promise.all(['/livez', '/readyz', '/metrics'].map((path) => host.admin.request(path)));
    assert.deepEqual([live?.status, ready?.status, await ready?.text(), await metrics?.text()], [200, 503, 'digits is loading\n', '# EOF\n']);
  });

  test('an unknown address is a problem, not a page', async () => {
    assert.equal(await codeOf(call(fakeHost(), '/v1/nowhere')), '404 NO_ROUTE');
  });
});

describe('views', () => {
  test('a function tells whether it is ready, why not, and when that is tried again', async () => {
    const host = fakeHost();
    await linesOf(deploy(host));
    await linesOf(deploy(host, bundleOf('letters', 'x')));
    const tell = async () => {
      const { functions } = await (await call(host, '/v1/functions')).json() as { functions: readonly FunctionView[] };
      return functions.map(({ name, ready, reason, retryInS }) => [name, ready, reason, retryInS]);
    };
    assert.deepEqual(await tell(), [['digits', true, undefined, undefined], ['letters', true, undefined, undefined]]);
    for (const key of host.residency.declared.keys()) host.residency.troubles.set(key, { code: 'BAD_MODEL', message: 'it is torn', retryInMs: 1500 });
    assert.deepEqual(await tell(), [['digits', false, 'it is torn', 2], ['letters', true, undefined, undefined]]);
  });

  test('a version that cannot be read in the store does not hide the other functions', async () => {
    const host = fakeHost();
    await linesOf(deploy(host));
    await linesOf(deploy(host, bundleOf('letters', 'x')));
    host.store.versions.delete(`digits@${bundleVersion(BUNDLE)}`);
    const { functions } = await (await call(host, '/v1/functions')).json() as { functions: readonly FunctionView[] };
    assert.deepEqual(functions.map(({ name, routes }) => [name, routes.length]), [['digits', 0], ['letters', 1]]);
  });
});

describe('deploys', () => {
  test('steps come as lines and the last line is the result', async () => {
    const host = fakeHost();
    const lines = await linesOf(deploy(host));
    const steps = lines.flatMap((line) => ('event' in line && line.event.state === 'done' ? [line.event.step] : []));
    assert.deepEqual([steps[0], steps.at(-1)], ['check', 'confirm']);
    const last = lines.at(-1);
    assert.ok(last !== undefined && 'result' in last);
    assert.equal(last.result.version, bundleVersion(BUNDLE));
  });

  test('a step that fails is the last line, with its code', async () => {
    const host = fakeHost();
    host.dataPlane.before = (operation) => {
      if (operation === 'start') throw new Error('no thread');
    };
    const last = (await linesOf(deploy(host))).at(-1);
    assert.deepEqual(last, { error: { code: 'INTERNAL', message: 'no thread' } });
  });

  test('a bad bundle, a bad manifest and a bad body are refused with their status before any step', async () => {
    const host = fakeHost();
    assert.equal(await codeOf(deploy(host, { manifest: BUNDLE.manifest, files: {} })), '422 BAD_BUNDLE');
    assert.equal(await codeOf(deploy(host, { ...BUNDLE, manifest: { ...BUNDLE.manifest, name: '../etc' } })), '422 BAD_MANIFEST');
    assert.equal(await codeOf(call(host, '/v1/deploys', { method: 'POST', body: '{"bundle":' })), '400 BAD_REQUEST');
    assert.equal(await codeOf(call(host, '/v1/deploys', { method: 'POST', body: { bundle: BUNDLE, force: true } })), '400 BAD_REQUEST');
    assert.equal(host.store.state().generation, 0);
  });

  test('a body past its bound is 413, whatever its Content-Length says', async () => {
    const response = call(fakeHost(), '/v1/functions/digits/secrets/KEY', { method: 'PUT', body: 'x'.repeat(65 * 1024), headers: { 'content-length': '1' } });
    assert.equal(await codeOf(response), '413 BODY_TOO_LARGE');
  });

  test('fault 11: a compressed body is refused, and a blob must say its size', async () => {
    const host = fakeHost();
    const path = `/v1/blobs/${createHash('sha256').update('x').digest('hex')}`;
    assert.equal(await codeOf(call(host, path, { method: 'PUT', body: 'x', headers: { 'content-encoding': 'gzip' } })), '400 BAD_REQUEST');
    assert.equal(await codeOf(call(host, path, { method: 'PUT', body: 'x', headers: { 'content-length': '99999999999999' } })), '400 BAD_REQUEST');
    assert.equal(await codeOf(call(host, path, { method: 'PUT', body: 'x' })), '400 BAD_REQUEST');
    assert.equal(await codeOf(call(host, '/v1/blobs/..%2f..%2fetc', { method: 'PUT', body: 'x' })), '400 BAD_REQUEST');
    assert.equal(host.store.blobs.size, 0);
  });

  test('only what is missing is asked for, and a blob that was brought is missing no more', async () => {
    const host = fakeHost();
    const missing = async (): Promise<string[]> => {
      const answer = await (await call(host, '/v1/deploys/missing', { method: 'POST', body: { bundle: BUNDLE } })).json() as { missing: string[] };
      return answer.missing;
    };
    const before = await missing();
    assert.equal(before.length, 2);
    const { sha256 = '' } = BUNDLE.files['handler.mjs'] ?? {};
    const put = await call(host, `/v1/blobs/${sha256}`, { method: 'PUT', body: 'one', headers: { 'content-length': '3' } });
    assert.equal(put.status, 204);
    assert.deepEqual(await missing(), before.filter((one) => one !== sha256));
  });

  test('a deploy whose caller leaves goes on to its end', async () => {
    const host = fakeHost();
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    host.dataPlane.before = (operation) => (operation === 'start' ? opened : undefined);
    const response = await deploy(host);
    await response.body?.cancel();
    open();
    await host.rollout.deploy(BUNDLE, { warming: 'warm' });
    assert.equal(host.store.state().generation, 1);
    assert.equal(host.dataPlane.serving.length, 1);
    assert.equal(host.clock.pending, 0);
  });

  test('a long step is bridged by empty lines', async () => {
    const host = fakeHost();
    host.dataPlane.before = async (operation) => {
      if (operation === 'start') host.clock.advance(15_000);
    };
    assert.match(await (await deploy(host)).text(), /\n\n/);
  });

  test('splits are told by their shares, shown in both views, and promoted', async () => {
    const host = fakeHost();
    const two = bundleOf('digits', 'two');
    await linesOf(deploy(host));
    const post = (path: string, body: unknown) => call(host, path, { method: 'POST', body });
    const beside = (await linesOf(post('/v1/deploys', { bundle: two, split: 10, abortIf: ['errors>1%'] }))).at(-1);
    assert.deepEqual(beside !== undefined && 'result' in beside ? beside.result.shares?.map(({ percent }) => percent) : beside, [90, 10]);
    const [digits] = (await (await call(host, '/v1/functions')).json() as { functions: FunctionView[] }).functions;
    assert.deepEqual([digits?.state, digits?.version, digits?.shares.map(({ label, percent }) => `${label} ${percent}`)],
      ['serving', bundleVersion(BUNDLE), [BUNDLE, two].map((bundle, index) => `digits@${bundleVersion(bundle).slice(0, 8)} ${[90, 10][index]}`)]);
    const { versions } = await (await call(host, '/v1/functions/digits/versions')).json() as { versions: VersionView[] };
    assert.deepEqual(versions.map(({ percent, current, abortIf }) => [percent, current, abortIf]), [[10, false, ['errors>1%']], [90, true, undefined]]);
    const shares = [{ version: bundleVersion(BUNDLE).slice(0, 8), percent: 50 }, { version: bundleVersion(two).slice(0, 8), percent: 50 }];
    const split = (await linesOf(post('/v1/functions/digits/split', { shares }))).at(-1);
    assert.ok(split !== undefined && 'result' in split && split.result.outcome === 'split');
    const promoted = (await linesOf(post('/v1/functions/digits/promote', {}))).at(-1);
    assert.ok(promoted !== undefined && 'result' in promoted && promoted.result.version === bundleVersion(two));
  });

  test('a split that is not well formed is 400 before any step; one that makes no sense is the last line', async () => {
    const host = fakeHost();
    await linesOf(deploy(host));
    const post = (path: string, body: unknown) => call(host, path, { method: 'POST', body });
    for (const body of [{ split: '10' }, { abortIf: ['errors>1%'] }, { split: 10, abortIf: 'errors>1%' }, { split: 10, abortIf: ['errors'] }]) {
      assert.equal(await codeOf(post('/v1/deploys', { bundle: bundleOf('digits', 'two'), ...body })), '400 BAD_REQUEST', JSON.stringify(body));
    }
    for (const shares of [undefined, {}, ['3f2a=90'], [{ version: 1, percent: 90 }], [{ version: 'a', percent: '90' }]]) {
      assert.equal(await codeOf(post('/v1/functions/digits/split', { shares })), '400 BAD_REQUEST', JSON.stringify(shares));
    }
    assert.equal(await codeOf(post('/v1/functions/letters/split', { shares: [] })), '404 NO_FUNCTION');
    const last = (await linesOf(post('/v1/functions/digits/promote', {}))).at(-1);
    assert.ok(last !== undefined && 'error' in last && last.error.code === 'BAD_REQUEST', JSON.stringify(last));
    assert.equal(host.store.state().generation, 1);
  });

  test('a plan says what a deploy would do and changes nothing', async () => {
    const host = fakeHost();
    await linesOf(deploy(host));
    const before = [host.store.state(), host.store.versions.size, host.residency.loads.length, host.dataPlane.starts];
    const bundle = bundleOf('digits', 'two', { routes: ['POST /digits', 'GET /digits/:id'], models: { DIGITS: { path: 'digits.onnx' } } });
    const ask = async (body: unknown): Promise<DeployPlan> =>
      (await (await call(host, '/v1/deploys/plan', { method: 'POST', body })).json() as { plan: DeployPlan }).plan;
    const plan = await ask({ bundle });
    assert.deepEqual([plan.outcome, plan.version, plan.drained, plan.routes, plan.fit], [
      'deploy', bundleVersion(bundle), [bundleVersion(BUNDLE)], { added: ['GET /digits/:id'], kept: ['POST /digits'], removed: [] }, { kind: 'overlap' },
    ]);
    assert.deepEqual(plan.pools.map(({ binding, path, way }) => [binding, path, way]), [['DIGITS', 'digits.onnx', host.residency.declared.size > 0 ? 'shared' : 'load']]);
    const beside = await ask({ bundle, split: 25 });
    assert.deepEqual([beside.shares.map(({ percent }) => percent), beside.drained], [[75, 25], []]);
    assert.equal((await ask({ bundle: BUNDLE })).outcome, 'unchanged');
    const conflict = bundleOf('letters', 'x', { routes: ['POST /digits'] });
    assert.equal(await codeOf(call(host, '/v1/deploys/plan', { method: 'POST', body: { bundle: conflict } })), '409 ROUTE_CONFLICT');
    assert.deepEqual([host.store.state(), host.store.versions.size, host.residency.loads.length, host.dataPlane.starts], before);
  });

  test('rollback and delete tell their steps; of an unknown function they are 404', async () => {
    const host = fakeHost();
    await linesOf(deploy(host));
    await linesOf(deploy(host, bundleOf('digits', 'two')));
    const back = (await linesOf(call(host, '/v1/functions/digits/rollback', { method: 'POST', body: {} }))).at(-1);
    assert.ok(back !== undefined && 'result' in back && back.result.version === bundleVersion(BUNDLE));
    const gone = (await linesOf(call(host, '/v1/functions/digits', { method: 'DELETE' }))).at(-1);
    assert.ok(gone !== undefined && 'result' in gone && gone.result.outcome === 'deleted');
    assert.equal(await codeOf(call(host, '/v1/functions/digits', { method: 'DELETE' })), '404 NO_FUNCTION');
    assert.equal(await codeOf(call(host, '/v1/functions/constructor/rollback', { method: 'POST', body: {} })), '404 NO_FUNCTION');
  });
});

describe('views', () => {
  test('functions, versions, pools, devices and doctor show what is there', async () => {
    const host = fakeHost();
    await linesOf(deploy(host));
    await linesOf(deploy(host, bundleOf('digits', 'two', { models: { DIGITS: { path: 'digits.onnx' } } })));
    const json = async <T>(path: string): Promise<T> => (await call(host, path)).json() as Promise<T>;
    const [digits] = (await json<{ functions: FunctionView[] }>('/v1/functions')).functions;
    assert.deepEqual([digits?.name, digits?.state, digits?.routes, digits?.versions], ['digits', 'serving', ['POST /digits'], 2]);
    const { versions } = await json<{ versions: VersionView[] }>('/v1/functions/digits/versions');
    assert.deepEqual(versions.map(({ current }) => current), [true, false]);
    assert.equal((await json<{ pools: PoolView[] }>('/v1/pools')).pools[0]?.state, 'resident');
    assert.equal((await json<{ devices: DeviceView[] }>('/v1/devices')).devices[0]?.device, 'cpu');
    assert.equal((await json<DoctorView>('/v1/doctor')).capabilities[0]?.backend, 'onnxruntime');
    assert.equal(await codeOf(call(host, '/v1/functions/letters/versions')), '404 NO_FUNCTION');
  });

  test('a kept trace is found by its request, an unknown one is 404', async () => {
    const host = fakeHost();
    host.traces.set('abc', { requestId: 'abc' });
    assert.deepEqual(await (await call(host, '/v1/traces/abc')).json(), { trace: { requestId: 'abc' } });
    assert.deepEqual(await (await call(host, '/v1/traces/recent')).json(), { traces: [{ requestId: 'abc' }] });
    assert.equal(await codeOf(call(host, '/v1/traces/none')), '404 NO_ROUTE');
  });

  test('a secret goes in, is listed by name and never comes out', async () => {
    const host = fakeHost();
    const at = '/v1/functions/digits/secrets';
    assert.equal((await call(host, `${at}/KEY`, { method: 'PUT', body: 'canary' })).status, 204);
    const told = await Promise.all([at, `${at}/KEY`, '/v1/functions'].map(async (path) => (await call(host, path)).text()));
    assert.ok(told[0]?.includes('KEY') && !told.join().includes('canary'));
    assert.equal((await call(host, `${at}/KEY`, { method: 'DELETE' })).status, 204);
    assert.equal(await codeOf(call(host, `${at}/KEY`, { method: 'DELETE' })), '404 NO_ROUTE');
    assert.equal(await codeOf(call(host, `${at}/KEY`, { method: 'PUT', body: '' })), '400 BAD_REQUEST');
  });
});
