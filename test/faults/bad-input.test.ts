// Everything that people get wrong, through the real CLI and a real host: each mistake is told with its code, what it is about
// and what would do, and leaves the host as it was.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FunctionFolders, fakeModel, type FunctionSource } from '../support/function-folder.ts';
import { RawConnection } from '../support/raw-http.ts';
import { RealHost } from '../support/real-host.ts';
import { TINY_MODELS_FOLDER } from '../support/tiny-models.ts';

const TIME = { timeout: 60_000 };
const folders = new FunctionFolders();
const tiny = (name: string): Uint8Array => readFileSync(join(TINY_MODELS_FOLDER, name));

let host: RealHost;
before(async () => {
  host = await RealHost.start();
  await host.deploy(writeRight());
}, TIME);
after(async () => {
  await host.close();
  folders.remove();
});

const MODEL_MANIFEST = { models: { ADD: { path: 'model.onnx', slots: 1 } }, isolates: 1 };

/** What is deployed all the while: a model, and a handler that gives it what the path says. */
function writeRight(): string {
  return folders.write('right', {
    handler: `const inputs = {
        right: { x: { type: 'float32', shape: [2], data: Float32Array.of(1, 2) } }, name: { z: { type: 'float32', shape: [2], data: Float32Array.of(1, 2) } },
        missing: {}, type: { x: { type: 'float64', shape: [2], data: Float64Array.of(1, 2) } }, rank: { x: { type: 'float32', shape: [1, 2], data: Float32Array.of(1, 2) } },
        length: { x: { type: 'float32', shape: [3], data: Float32Array.of(1, 2) } }, array: { x: { type: 'float32', shape: [2], data: [1, 2] } },
      };
      export default { async fetch(request, env) {
        if (request.method === 'POST') return new Response(String((await request.arrayBuffer()).byteLength));
        const { y } = await env.ADD.run(inputs[new URL(request.url).pathname.slice(7)]);
        return new Response(y.data.join());
      } };`,
    manifest: { ...MODEL_MANIFEST, routes: ['/right/:what'], limits: { bodyBytesMax: 1000, timeoutMs: 2000 } },
    files: { 'model.onnx': tiny('add-three.onnx') },
  });
}

/** All that a refused deploy must leave alone. */
async function stateOf(): Promise<unknown> {
  const { functions } = await host.view<{ functions: readonly object[] }>('/v1/functions');
  const { pools } = await host.view<{ pools: readonly { key: string; state: string; functions: readonly string[] }[] }>('/v1/pools');
  return {
    functions, pools: pools.map(({ key, state, functions: owners }) => ({ key, state, owners })),
    generations: readdirSync(join(host.store, 'state')), staging: readdirSync(join(host.store, 'staging')), versions: readdirSync(join(host.store, 'versions')),
  };
}

interface Mistake {
  readonly what: string;
  readonly source: FunctionSource;
  /** Of the whole last line. */
  readonly told: RegExp;
}

const MISTAKES: readonly Mistake[] = [
  { what: 'fault 12: an unknown field', source: { manifest: { rutes: ['/wrong'] } }, told: /BAD_MANIFEST: .*pilotlight\.jsonc:1:\d+: .*rutes.*did you mean "?routes/i },
  { what: 'fault 12: a wrong type', source: { manifest: { isolates: 'two' } }, told: /BAD_MANIFEST: .*pilotlight\.jsonc:1:\d+: isolates .*"two"/ },
  {
    what: 'fault 12: a duplicate key', told: /BAD_MANIFEST: .*pilotlight\.jsonc:4:3: .*"main"/,
    source: { manifest: '{\n  "name": "wrong", "main": "handler.ts",\n  "routes": ["/wrong"],\n  "main": "other.ts"\n}' },
  },
  { what: 'a manifest that breaks off', source: { manifest: '{ "name": "wrong"' }, told: /BAD_MANIFEST: .*pilotlight\.jsonc:1:\d+: / },
  {
    what: 'a field whose time has not come',
    source: { manifest: { models: { ADD: { path: 'model.onnx', batch: { maxSize: 4 } } } } }, told: /BAD_MANIFEST: .*models\.ADD\.batch .*not supported yet/,
  },
  { what: 'a handler that is not there', source: { manifest: { main: 'nowhere.ts' } }, told: /BAD_BUNDLE: main.*nowhere\.ts; put it there, or correct the manifest/ },
  { what: 'a model that is not there', source: { manifest: MODEL_MANIFEST }, told: /BAD_BUNDLE: models\.ADD\.path.*model\.onnx; put it there/ },
  { what: 'a golden body that is not there', source: { manifest: { warm: [{ request: 'POST /wrong', body: 'body.png' }] } }, told: /BAD_BUNDLE: warm\[0\]\.body.*body\.png/ },
  { what: 'fault 14: a syntax error in the handler', source: { handler: 'export default {\n  fetch( { };' }, told: /BAD_HANDLER: .*handler\.ts:\d+:\d+/ },
  { what: 'fault 14: a handler that throws when it is imported', source: { handler: `throw new Error('no luck'); export default {};` }, told: /BAD_HANDLER: .*no luck/ },
  { what: 'fault 14: a handler without fetch', source: { handler: 'export default { fetsh() {} };' }, told: /BAD_HANDLER: .*fetch/ },
  {
    what: 'fault 14: a handler whose import never ends', told: /BAD_HANDLER: .*a top-level await/,
    source: { handler: 'await new Promise(() => {}); export default { fetch() {} };' },
  },
  {
    what: 'fault 14: a handler whose import takes longer than initTimeoutMs', told: /BAD_HANDLER: .*initTimeoutMs \(500 ms\)/,
    source: { handler: 'await new Promise((resolve) => setTimeout(resolve, 60_000)); export default { fetch() {} };', manifest: { limits: { initTimeoutMs: 500 } } },
  },
  {
    what: 'fault 4: a file that is no ONNX model', told: /BAD_MODEL: .*ADD.*model\.onnx: .*; the file is no whole ONNX model: .*export or copy it again/,
    source: { manifest: MODEL_MANIFEST, files: { 'model.onnx': 'this is text' } },
  },
  { what: 'fault 4: a model that breaks off', told: /BAD_MODEL: .*ADD.*model\.onnx/, source: { manifest: MODEL_MANIFEST, files: { 'model.onnx': tiny('truncated.onnx') } } },
  { what: 'fault 4: an empty model file', told: /BAD_MODEL: .*ADD.*model\.onnx: [^/]*; the file is no whole ONNX model: /, source: { manifest: MODEL_MANIFEST, files: { 'model.onnx': '' } } },
  {
    what: 'fault 4: an operator that ONNX Runtime does not know', told: /BAD_MODEL: .*ADD.*Frobnicate.*; export it with operators that .* has, or .*onnxruntimeLibrary/,
    source: { manifest: MODEL_MANIFEST, files: { 'model.onnx': tiny('unknown-operator.onnx') } },
  },
  {
    what: 'fault 6: a warm sample that the model does not take, though the model is loaded already,', told: /WARMUP_FAILED: .*ADD.*bad\.json/,
    source: {
      manifest: { models: { ADD: { path: 'model.onnx', slots: 1, warm: { inputs: ['bad.json'] } } } },
      files: { 'model.onnx': tiny('add-three.onnx'), 'bad.json': JSON.stringify({ inputs: { z: { type: 'float32', shape: [1], data: [1] } } }) },
    },
  },
  {
    what: 'fault 6: a model that answers NaN', told: /WARMUP_FAILED: .*M.*y.*NaN/,
    source: { manifest: { models: { M: { path: 'model.fake', slots: 1 } } }, files: { 'model.fake': fakeModel(['nan-run 2']) } },
  },
  {
    what: 'fault 6: a model that takes longer to load than initTimeoutMs', told: /WARMUP_FAILED: .*M.*initTimeoutMs \(1000 ms\)/,
    source: { manifest: { models: { M: { path: 'model.fake', slots: 1 } }, limits: { initTimeoutMs: 1000 } }, files: { 'model.fake': fakeModel(['load-ms 2000']) } },
  },
  {
    what: 'fault 6: a golden request that is answered wrong', told: /WARMUP_FAILED: .*GET \/wrong.*"right".*"wrong"/,
    source: { manifest: { warm: [{ request: 'GET /wrong', expect: { text: 'right' } }] } },
  },
  {
    what: 'fault 6: a golden request that throws', told: /WARMUP_FAILED: .*GET \/wrong.*500.*no luck/,
    source: { handler: `export default { fetch() { throw new Error('no luck'); } };`, manifest: { warm: [{ request: 'GET /wrong' }] } },
  },
  {
    what: 'fault 13: a route that another function has', told: /ROUTE_CONFLICT: wrong .*\/right\/:what.*right owns/,
    source: { manifest: { routes: ['/right/:what'] } },
  },
  { what: 'a route of the protocol', source: { manifest: { routes: ['GET /v2/models'] } }, told: /BAD_MANIFEST: .*\/v2\// },
  { what: 'a secret that is not set', source: { manifest: { secrets: ['API_KEY'] } }, told: /BAD_MANIFEST: .*API_KEY.*pilotlight secret put wrong API_KEY/ },
];

describe('a deploy that cannot be', () => {
  for (const { what, source, told } of MISTAKES) {
    test(`${what} is refused by name and changes nothing`, TIME, async () => {
      const before = await stateOf();
      const { code, out, err } = await host.here(['deploy', folders.write('wrong', source)]);
      assert.deepEqual([code, out], [1, ''], err);
      const line = err.slice(err.indexOf('error: '));
      assert.match(line, told);
      assert.ok(!/\n {4}at /.test(line), `a stack is for bugs: ${line}`);
      assert.deepEqual(await stateOf(), before);
      assert.equal(await (await host.ask('/right/right')).text(), '4,5');
      folders.removeOne('wrong');
    });
  }
});

describe('a request that cannot be', () => {
  const problemOf = async (answer: Response) => {
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    const problem = await answer.json() as { code: string; detail: string; requestId: string };
    assert.equal(problem.requestId, answer.headers.get('pilotlight-request-id'));
    return `${answer.status} ${problem.code}: ${problem.detail}`;
  };

  for (const [what, told] of [
    ['name', /input "z" is unknown: the model takes "x" float32 \[n\]/], ['missing', /input "x" is missing: the model takes "x" float32 \[n\]/],
    ['type', /input "x" must be float32 \[n\]; found type "float64"/], ['rank', /x.*\[1, ?2\]/], ['length', /x.*3.*2/], ['array', /x.*Float32Array/],
  ] as const) {
    test(`fault 42: a tensor of wrong ${what} is told with what was found and what is wanted, before anything runs`, TIME, async () => {
      const problem = await problemOf(await host.ask(`/right/${what}`));
      assert.match(problem, /^400 BAD_TENSOR: env\.ADD\.run: /);
      assert.match(problem, told);
      assert.equal(await (await host.ask('/right/right')).text(), '4,5');
    });
  }

  test('a body over the limit is 413 with the limit, known or not', TIME, async () => {
    const told = /413 BODY_TOO_LARGE: .*1000/;
    assert.match(await problemOf(await host.ask('/right/body', { method: 'POST', body: 'x'.repeat(1001) })), told);
    const raw = await RawConnection.open(host.url);
    raw.send(`POST /right/body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${`258\r\n${'x'.repeat(600)}\r\n`.repeat(2)}`);
    const { status, body } = await raw.answer();
    assert.deepEqual([status, (JSON.parse(body) as { code: string }).code], [413, 'BODY_TOO_LARGE']);
    raw.destroy();
    assert.equal(await (await host.ask('/right/body', { method: 'POST', body: 'x'.repeat(1000) })).text(), '1000');
  });

  test('a body that stops is 408 at the deadline of the request', TIME, async () => {
    const raw = await RawConnection.open(host.url);
    raw.send('POST /right/body HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nonly this');
    const { status, body } = await raw.answer();
    assert.deepEqual([status, (JSON.parse(body) as { code: string }).code], [408, 'BODY_TIMEOUT']);
    raw.destroy();
  });

  test('a path, a method and a version that nobody serves are 404 and 405 with what would do', TIME, async () => {
    assert.match(await problemOf(await host.ask('/nowhere')), /404 NO_ROUTE: .*"\/nowhere"/);
    assert.match(await problemOf(await host.ask('/v2/health/live', { method: 'POST' })), /405 BAD_METHOD: POST .*; GET, HEAD would do/);
    assert.match(await problemOf(await host.ask('/right/right', { headers: { 'pilotlight-version': 'right@00000000' } })), /404 NO_VERSION: .*right@00000000.*right@[0-9a-f]{8}/);
  });
});

describe('a command that cannot be', () => {
  for (const [args, told] of [
    [['rollback', 'right'], /NO_VERSION: .*right/], [['rollback', 'nobody'], /NO_FUNCTION: .*nobody/], [['delete', 'nobody'], /NO_FUNCTION: .*nobody/],
    [['versions', 'nobody'], /NO_FUNCTION: .*nobody/], [['secret', 'delete', 'right', 'KEY'], /NO_ROUTE: .*KEY.*secret list right/],
    [['secret', 'put', 'right', '../KEY'], /BAD_REQUEST: .*KEY/],
  ] as const) {
    test(`${args.join(' ')} ends with 1 and the name of what is not there`, TIME, async () => {
      const before = await stateOf();
      const { code, err } = await host.here(args);
      assert.equal(code, 1);
      assert.match(err, told);
      assert.deepEqual(await stateOf(), before);
    });
  }
});

describe('a folder that cannot be deployed is told by check, without a host:', () => {
  const tensor = (type: string, shape: readonly number[], data: readonly number[]) => ({ type, shape, data });
  const right = tensor('float32', [2], [1, 2]);
  for (const [what, sample, told] of [
    ['no JSON', '{ nope', /no JSON/], ['an unknown input', { inputs: { z: right } }, /input "z" is unknown: the model takes "x" float32 \[n\]/],
    ['a wrong type', { inputs: { x: tensor('int8', [2], [1, 2]) } }, /input "x" must be float32 \[n\]; found type "int8"/],
    ['a wrong length', { inputs: { x: tensor('float32', [3], [1, 2]) } }, /inputs\.x: found 2 elements, wanted 3/],
    ['an expected output that the model has not', { inputs: { x: right }, expect: { q: right } }, /output "q" is expected: the model gives "y"/],
  ] as const) {
    test(`a warm input with ${what}`, TIME, async () => {
      const folder = folders.write('sampled', {
        manifest: { models: { ADD: { path: 'model.onnx', warm: { inputs: ['sample.json'] } } } },
        files: { 'model.onnx': tiny('add-three.onnx'), 'sample.json': typeof sample === 'string' ? sample : JSON.stringify(sample) },
      });
      const { code, err } = await host.here(['check', folder]);
      assert.equal(code, 1);
      assert.match(err, /^error: WARMUP_FAILED: .*sample\.json: /m);
      assert.match(err, told);
    });
  }
});

describe('a host that cannot start', () => {
  const end = async (flags: readonly string[], store?: string) => {
    const broken = new RealHost({ flags, ...(store === undefined ? {} : { store }) });
    const ended = await broken.ended;
    await broken.close();
    return ended;
  };

  test('fault 55: a port in use ends it with 1 and names port and flag', TIME, async () => {
    const { exitCode, message } = await end(['--port', String(host.port)]);
    assert.equal(exitCode, 1);
    assert.match(message, new RegExp(`^error: BAD_SETTING: cannot listen on 127\\.0\\.0\\.1 port ${host.port}: the port is in use by another process; .* --port`));
  });

  test('fault 55: a store in use ends it with 1 and names the process that has it', TIME, async () => {
    const { exitCode, message } = await end([], host.store);
    assert.equal(exitCode, 1);
    assert.match(message, new RegExp(`^error: STORE_FAILED: the store ${host.store} is in use by another host \\(process ${host.pid}\\); .* --store`));
  });

  test('fault 55: a store that cannot be written ends it with 1 and names path and reason', TIME, async () => {
    const file = join(folders.root, 'a-file');
    writeFileSync(file, 'not a folder');
    const { exitCode, message } = await end([], join(file, 'store'));
    assert.equal(exitCode, 1);
    assert.match(message, /^error: STORE_FAILED: .*a-file\/store.* --store/);
  });

  test('an unknown flag is wrong usage, a wrong value is refused with what would do', TIME, async () => {
    const unknown = await end(['--prot=1']);
    assert.deepEqual([unknown.exitCode, /--prot.*\n.*Did you mean --port/.test(unknown.message)], [2, true], unknown.message);
    const wrong = await end(['--drain-timeout-ms=soon']);
    assert.equal(wrong.exitCode, 1);
    assert.match(wrong.message, /^error: BAD_SETTING: --drain-timeout-ms is "soon"; expected /);
  });

  test('a missing library is told by doctor and by the deploy that needs it, and nothing else suffers', TIME, async () => {
    const without = await RealHost.start({ flags: ['--onnxruntime-library', join(folders.root, 'nowhere.so')] });
    try {
      assert.match(await without.must(['doctor']), /! onnxruntime +.*nowhere\.so/);
      const { code, err } = await without.cli(['deploy', join(folders.root, 'right')]);
      assert.equal(code, 1);
      assert.match(err.slice(err.indexOf('error: ')), /nowhere\.so/);
      await without.must(['deploy', folders.write('plain')]);
      assert.equal(await (await without.ask('/plain')).text(), 'plain');
    } finally {
      await without.close();
    }
  });
});
