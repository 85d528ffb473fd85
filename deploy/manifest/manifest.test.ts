import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PilotlightError } from '../../runtime/errors.ts';
import { parseManifest } from './manifest.ts';

const BASE = { name: 'digits', main: 'handler.ts', routes: ['POST /digits'] };

function parse(fields: object): ReturnType<typeof parseManifest> {
  return parseManifest(JSON.stringify({ ...BASE, ...fields }), 'pilotlight.jsonc');
}

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof PilotlightError, String(error));
    assert.equal(error.code, 'BAD_MANIFEST');
    return error.message;
  }
  return assert.fail('was accepted');
}

function refusal(fields: object): string {
  return messageOf(() => parse(fields));
}

test('a manifest has every default filled in', () => {
  const manifest = parse({ models: { DIGITS: { path: './digits.onnx', warm: { inputs: ['./samples/*.json'] } } } });
  assert.deepEqual(JSON.parse(JSON.stringify(manifest)), {
    name: 'digits',
    main: 'handler.ts',
    routes: ['POST /digits'],
    models: {
      DIGITS: {
        path: 'digits.onnx', device: 'any', threads: 1, queue: { max: 64, timeoutMs: 1000 }, tolerance: 0,
        warm: { inputs: ['samples/*.json'], runs: 2 }, residency: 'lru', preload: false,
      },
    },
    warm: [],
    isolates: 2,
    limits: {
      timeoutMs: 10000, initTimeoutMs: 60000, writeTimeoutMs: 30000, bodyBytesMax: 10485760, responseBytesMax: 104857600,
      concurrency: 256, heapMiB: 256,
    },
    vars: {},
    secrets: [],
  });
});

test('a golden request has its method, its status and its content type written out', () => {
  const { warm } = parse({ routes: ['/digits', 'GET /digits/:id'], warm: [{ request: '/digits?top=3', body: './samples/3.png' }, { request: '/digits/7' }] });
  assert.deepEqual(JSON.parse(JSON.stringify(warm)), [
    { request: 'POST /digits?top=3', headers: { 'content-type': 'image/png' }, body: 'samples/3.png', expect: { status: 200 } },
    { request: 'GET /digits/7', headers: {}, expect: { status: 200 } },
  ]);
});

test('a header name of a golden request is lower case and a given content type stays', () => {
  const { warm } = parse({ warm: [{ request: 'POST /digits', body: 'a.png', headers: { 'Content-Type': 'text/x', 'X-A': '1' } }] });
  assert.deepEqual({ ...warm[0]?.headers }, { 'content-type': 'text/x', 'x-a': '1' });
});

test('a manifest written out as JSON is the same manifest again', () => {
  const once = parse({ models: { A: { path: 'a.fake', slots: 3 } }, vars: { T: '1' }, secrets: ['KEY'], warm: [{ request: '/digits', body: 'x.json', expect: { json: null } }] });
  const again = parseManifest(JSON.stringify(once), 'again');
  assert.equal(JSON.stringify(again), JSON.stringify(once));
});

test('a manifest is frozen all the way down', () => {
  const manifest = parse({ models: { A: { path: 'a.onnx' } }, warm: [{ request: 'POST /digits', expect: { json: { a: [1] } } }] });
  assert.ok(Object.isFrozen(manifest.models['A']?.queue));
  const [golden] = manifest.warm;
  assert.ok(Object.isFrozen(golden) && Object.isFrozen((golden?.expect.json as { a?: number[] } | undefined)?.a));
});

test('comments, trailing commas and a byte order mark are read over', () => {
  const text = '\ufeff// hello\n{ "name": "a", /* c */ "main": "h.ts", "routes": ["/a",], }';
  assert.equal(parseManifest(text, 'f').name, 'a');
});

test('fault 12: a mistake is told with its line and column, also behind a byte order mark', () => {
  assert.match(messageOf(() => parseManifest('{\n  "name": "a",\n  "main" "h.ts"\n}', 'dir/pilotlight.jsonc')), /^dir\/pilotlight\.jsonc:3:10: .*colon is missing/);
  assert.match(messageOf(() => parseManifest('\ufeff{ "nam": "a" }', 'f')), /^f:1:/);
  assert.match(messageOf(() => parseManifest('\ufeff{ "name": "a", "mian": "h.ts" }', 'f')), /^f:1:16: unknown field mian; did you mean "main"\?/);
  assert.match(messageOf(() => parseManifest('{\r\n "name": 3}', 'f')), /^f:2:10: name must be a string, found 3/);
});

test('fault 12: an unknown field is refused at any depth with the nearest one', () => {
  assert.match(refusal({ isolate: 1 }), /unknown field isolate; did you mean "isolates"\?/);
  assert.match(refusal({ models: { A: { path: 'a.onnx', queue: { maxx: 1 } } } }), /unknown field models\.A\.queue\.maxx; did you mean "max"\?/);
  assert.match(refusal({ limits: { zebra: 1 } }), /unknown field limits\.zebra; the fields here are timeoutMs, /);
});

test('fault 12: a duplicate key is refused where it stands the second time', () => {
  assert.match(messageOf(() => parseManifest('{\n"name": "a",\n"name": "b"}', 'f')), /^f:3:1: the field "name" is here twice/);
});

test('fault 12, fault 64: keys that reach prototypes are refused and pollute nothing', () => {
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    const text = `{"name":"a","main":"h.ts","routes":["/a"],"vars":{"${key}":{"polluted":"yes"}}}`;
    assert.match(messageOf(() => parseManifest(text, 'f')), new RegExp(`a field may not be named "${key}"`));
  }
  assert.equal(({} as { polluted?: string }).polluted, undefined);
});

test('fault 12: a wrong type is refused with the field, what was found and what would do', () => {
  assert.match(refusal({ isolates: '2' }), /isolates must be an integer, found "2"\. Isolates/);
  assert.match(refusal({ vars: { T: 0.5 } }), /vars\.T must be a string, found 0\.5\. Always a string/);
  assert.match(refusal({ routes: 'POST /x' }), /routes must be an array/);
  assert.match(messageOf(() => parseManifest('[]', 'f')), /the manifest must be an object, found \[\]/);
  assert.match(messageOf(() => parseManifest('', 'f')), /^f:1:1: /);
});

test('fault 12: ten megabytes, and nesting of half a million levels, are refused without being parsed', () => {
  const started = performance.now();
  assert.match(messageOf(() => parseManifest(' '.repeat(10_000_000), 'f')), /10000000 characters, more than 1048576/);
  assert.match(messageOf(() => parseManifest('['.repeat(500_000), 'f')), /f:1:65: nested deeper than 64 levels/);
  assert.match(messageOf(() => parseManifest('{"a":'.repeat(200_000), 'f')), /nested deeper than 64 levels/);
  assert.ok(performance.now() - started < 5000);
});

test('a number that JavaScript cannot hold is refused', () => {
  assert.match(messageOf(() => parseManifest('{"name":"a","isolates":1e400}', 'f')), /the number is too large/);
});

const NOT_YET: readonly [string, object][] = [
  ['protocol', { protocol: true }],
  ['models.A.batch', { models: { A: { path: 'a.onnx', batch: { maxSize: 4 } } } }],
  ['models.A.lengths', { models: { A: { path: 'a.onnx', lengths: {} } } }],
  ['models.A.tolerance 0.1', { models: { A: { path: 'a.onnx', tolerance: 0.1 } } }],
];

for (const [field, fields] of NOT_YET) {
  test(`${field} is refused by name as not supported yet`, () => {
    const message = refusal(fields);
    assert.ok(message.includes(`${field} `) && message.includes('is not supported yet'), message);
  });
}

test('a function without a handler is refused as not supported yet', () => {
  assert.match(messageOf(() => parseManifest('{"name":"a"}', 'f')), /main is missing: a function without a handler is not supported yet/);
});

test('a device is named by its kind or its number, and slots may be counted', () => {
  for (const device of ['any', 'cpu', 'gpu', 'gpu:1']) assert.equal(parse({ models: { A: { path: 'a.onnx', device } } }).models['A']?.device, device);
  assert.equal(parse({ models: { A: { path: 'a.onnx', slots: 'auto' } } }).models['A']?.slots, 'auto');
  for (const device of ['gpu:', 'gpu1', 'cuda:0', 'gpu:-1', '']) assert.match(refusal({ models: { A: { path: 'a.onnx', device } } }), /models\.A\.device/);
  for (const slots of ['many', 0, 257]) assert.match(refusal({ models: { A: { path: 'a.onnx', slots } } }), /models\.A\.slots/);
});

test('what is off already may be written out', () => {
  assert.ok(parse({ protocol: false, models: { A: { path: 'a.onnx', tolerance: 0, device: 'cpu' } } }));
});

test('a path that leaves the folder is refused wherever a manifest names a file', () => {
  for (const path of ['../x.onnx', '/etc/x.onnx', 'C:/x.onnx', 'a\\x.onnx', 'a/../../x.onnx', 'a//x.onnx', 'a\u0000.onnx']) {
    assert.match(refusal({ models: { A: { path } } }), /is not a path inside the function's folder: it/, path);
    assert.match(refusal({ models: { A: { path: 'a.onnx', warm: { inputs: [path] } } } }), /models\.A\.warm\.inputs\[0\] .* is not a path inside/);
    assert.match(refusal({ warm: [{ request: 'POST /digits', body: path }] }), /warm\[0\]\.body .* is not a path inside/);
  }
  assert.match(refusal({ main: '../handler.ts' }), /main "\.\.\/handler\.ts" is not a path inside/);
});

test('a file may not take the place of the bundled handler', () => {
  assert.match(refusal({ warm: [{ request: 'POST /digits', body: 'handler.mjs' }] }), /is where a bundle keeps the handler/);
});

test('a model file that no backend takes is refused', () => {
  assert.match(refusal({ models: { A: { path: 'a.pt' } } }), /models\.A\.path "a\.pt" .*; \.onnx, \.engine, \.plan or \.fake would do/);
  assert.match(refusal({ models: { A: {} } }), /models\.A\.path is missing/);
});

test('a name that would be two things in env is refused', () => {
  assert.match(refusal({ vars: { KEY: '1' }, secrets: ['KEY'] }), /env\.KEY would be both vars\.KEY and secrets\[0\]/);
  assert.match(refusal({ models: { A: { path: 'a.onnx' } }, vars: { A: '1' } }), /env\.A would be both models\.A and vars\.A/);
  assert.match(refusal({ secrets: ['A', 'A'] }), /secrets names "A" twice/);
});

test('a binding name that is not upper case is refused', () => {
  for (const fields of [{ models: { digits: { path: 'a.onnx' } } }, { vars: { aB: '1' } }]) {
    assert.match(refusal(fields), /cannot be a name in (models|vars)\. Upper-case letters/);
  }
  assert.match(refusal({ secrets: ['api_key'] }), /secrets\[0\] cannot be "api_key"\. Upper-case/);
});

test('a golden request that no route of the function takes is refused', () => {
  assert.match(refusal({ warm: [{ request: 'GET /digits' }] }), /warm\[0\]\.request "GET \/digits": no route of the function takes it; its routes are POST \/digits/);
  assert.match(refusal({ routes: ['/digits'], warm: [{ request: 'GET /digits', body: 'a' }] }), /body cannot go with "GET \/digits"/);
});

test('a golden request may not set the headers that HTTP sets', () => {
  assert.match(refusal({ warm: [{ request: 'POST /digits', headers: { Host: 'a' } }] }), /the header "Host" is set by the host/);
  assert.match(refusal({ warm: [{ request: 'POST /digits', headers: { a: 'b\r\nc: d' } }] }), /cannot be "b\\r\\nc: d"/);
});

test('a pinned model has no idle timeout', () => {
  const text = '{"name":"a","main":"h.ts","routes":["/a"],"models":{"A":{"path":"a.onnx","residency":"pinned","idleTimeoutMs":5000}}}';
  assert.match(messageOf(() => parseManifest(text, 'f')), /models\.A\.idleTimeoutMs says when to unload what residency "pinned" keeps/);
});

test('a golden answer is expected as json or as text, not both', () => {
  assert.match(refusal({ warm: [{ request: 'POST /digits', expect: { json: 1, text: '1' } }] }), /has both json and text/);
});
