import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundleVersion } from './bundle.ts';
import { checkBundle } from './check-bundle.ts';

const SHA = 'a'.repeat(64);
const MANIFEST = { name: 'a', main: 'h.ts', routes: ['/a'] };

function withFiles(files: object, manifest: object = {}): unknown {
  return { manifest: { ...MANIFEST, ...manifest }, files: { 'handler.mjs': { sha256: SHA, bytes: 1 }, ...files } };
}

function fileAt(path: string): object {
  return { [path]: { sha256: SHA, bytes: 1 } };
}

test('a sound bundle is given back frozen, with the defaults of its manifest', () => {
  const bundle = checkBundle(withFiles({ ...fileAt('m.onnx'), ...fileAt('s/1.json') }, { models: { M: { path: 'm.onnx', warm: { inputs: ['s/*.json'] } } } }));
  assert.equal(bundle.manifest.isolates, 2);
  assert.ok(Object.isFrozen(bundle.files['m.onnx']));
});

test('the version does not depend on the order of fields and files, nor on defaults being written out', () => {
  const one = checkBundle({ manifest: MANIFEST, files: { 'handler.mjs': { sha256: SHA, bytes: 1 }, ...fileAt('b'), ...fileAt('c') } });
  const files = { ...fileAt('c'), ...fileAt('b'), 'handler.mjs': { bytes: 1, sha256: SHA } };
  const other = checkBundle({ files, manifest: { routes: ['/a'], isolates: 2, main: 'h.ts', name: 'a' } });
  assert.equal(bundleVersion(one), bundleVersion(other));
  assert.match(bundleVersion(one), /^[0-9a-f]{64}$/);
  assert.notEqual(bundleVersion(one), bundleVersion(checkBundle(withFiles(fileAt('b')))));
});

const BAD_PATHS: readonly [string, RegExp][] = [
  ['../x', /`\.\.` segment/],
  ['a/../../x', /`\.\.` segment/],
  ['./x', /`\.` segment/],
  ['/etc/passwd', /absolute/],
  ['a\u0000b', /control character/],
  ['a\nb', /control character/],
  ['C:/x', /a drive/],
  ['c:x', /a drive/],
  ['a\\b', /backslash/],
  ['\\\\server\\x', /backslash/],
  ['a//b', /empty segment/],
  ['a/', /empty segment/],
  ['', /empty/],
  ['\ud800', /not valid Unicode/],
  ['x'.repeat(256), /longer than 255/],
  ['x/'.repeat(40) + 'x', /deeper than 32/],
  ['xxxxxxx/'.repeat(200) + 'x', /longer than 1024/],
];

for (const [path, why] of BAD_PATHS) {
  test(`fault 10: a bundle with the path ${JSON.stringify(path.slice(0, 20))} is refused`, () => {
    assert.throws(() => checkBundle(withFiles(fileAt(path))), { code: 'BAD_BUNDLE', message: why });
  });
}

test('fault 10: paths that are one file where case or Unicode form does not count are refused, both named', () => {
  assert.throws(() => checkBundle(withFiles({ ...fileAt('a/X.json'), ...fileAt('A/x.json') })), { code: 'BAD_BUNDLE', message: /"a\/X\.json" and "A\/x\.json"/ });
  assert.throws(() => checkBundle(withFiles({ ...fileAt('\u00e9'), ...fileAt('e\u0301') })), { code: 'BAD_BUNDLE', message: /one file/ });
  assert.throws(() => checkBundle(withFiles(fileAt('Handler.mjs'))), { code: 'BAD_BUNDLE', message: /one file/ });
});

test('fault 10: a path that is a file and a folder at once is refused', () => {
  assert.throws(() => checkBundle(withFiles({ ...fileAt('a/b'), ...fileAt('a') })), { code: 'BAD_BUNDLE', message: /"a" is a file and, for "a\/b", a folder/ });
});

test('fault 10: links, devices and pipes cannot be written as a file of a bundle', () => {
  for (const other of [{ link: '/etc/passwd' }, { type: 'fifo' }, { mode: 0o4755 }]) {
    assert.throws(() => checkBundle(withFiles({ x: { sha256: SHA, bytes: 1, ...other } })), { code: 'BAD_BUNDLE', message: /only plain files/ });
  }
});

test('fault 10: a million entries are refused before any is looked at', () => {
  const files: Record<string, unknown> = {};
  for (let index = 0; index < 1_000_000; index += 1) files[`f${index}`] = 0;
  assert.throws(() => checkBundle({ manifest: MANIFEST, files }), { code: 'BAD_BUNDLE', message: /1000000 files, more than 10000/ });
});

test('fault 11: digests and sizes that cannot be are refused', () => {
  for (const sha256 of ['', 'A'.repeat(64), 'a'.repeat(63), `${SHA}/..`, 7, undefined]) {
    assert.throws(() => checkBundle(withFiles({ x: { sha256, bytes: 1 } })), { code: 'BAD_BUNDLE', message: /"x" has no sha256/ });
  }
  for (const bytes of [-1, 1.5, Number.NaN, 2 ** 60, '1', undefined]) {
    assert.throws(() => checkBundle(withFiles({ x: { sha256: SHA, bytes } })), { code: 'BAD_BUNDLE', message: /"x" must have between 0 and/ });
  }
  const large = { sha256: SHA, bytes: 64 * 1024 ** 3 };
  assert.throws(() => checkBundle(withFiles({ a: large, b: large, c: large, d: large })), { code: 'BAD_BUNDLE', message: /the bundle has \d+ bytes, more than/ });
});

test('a bundle that lacks a file which its manifest names is refused with the field', () => {
  assert.throws(() => checkBundle({ manifest: MANIFEST, files: {} }), { code: 'BAD_BUNDLE', message: /main names "handler\.mjs", which is not among/ });
  assert.throws(() => checkBundle(withFiles({}, { models: { M: { path: 'm.onnx' } } })), { code: 'BAD_BUNDLE', message: /models\.M\.path names "m\.onnx"/ });
  assert.throws(() => checkBundle(withFiles({}, { warm: [{ request: '/a', body: 'b.json' }] })), { code: 'BAD_BUNDLE', message: /warm\[0\]\.body names "b\.json"/ });
  const globs = { models: { M: { path: 'm.onnx', warm: { inputs: ['*.mjs'] } } } };
  assert.throws(() => checkBundle(withFiles(fileAt('m.onnx'), globs)), { code: 'BAD_BUNDLE', message: /models\.M\.warm\.inputs: no file matches "\*\.mjs"/ });
});

test('what is no bundle at all is refused', () => {
  for (const received of [null, [], 'x', 7, {}, { manifest: MANIFEST }, { manifest: MANIFEST, files: [] }, { manifest: MANIFEST, files: {}, more: 1 }]) {
    assert.throws(() => checkBundle(received), { code: 'BAD_BUNDLE' });
  }
  assert.throws(() => checkBundle({ manifest: [], files: {} }), { code: 'BAD_MANIFEST' });
});

test('fault 12: the manifest of a received bundle is checked as one from a folder is', () => {
  assert.throws(() => checkBundle(withFiles({}, { isolates: 0 })), { code: 'BAD_MANIFEST', message: /^the bundle's manifest:\d+:\d+: isolates must be at least 1/ });
  let deep: unknown = 0;
  for (let level = 0; level < 100_000; level += 1) deep = [deep];
  assert.throws(() => checkBundle(withFiles({}, { vars: deep })), { code: 'BAD_MANIFEST' });
  const proto: unknown = JSON.parse(`{"manifest":{"name":"a","main":"h.ts","routes":["/a"],"vars":{"__proto__":{"x":"1"}}},"files":{"handler.mjs":{"sha256":"${SHA}","bytes":1}}}`);
  assert.throws(() => checkBundle(proto), { code: 'BAD_MANIFEST', message: /__proto__/ });
});

test('a path named __proto__ is a path like any other', () => {
  const received: unknown = JSON.parse(`{"manifest":${JSON.stringify(MANIFEST)},"files":{"handler.mjs":{"sha256":"${SHA}","bytes":1},"__proto__":{"sha256":"${SHA}","bytes":1}}}`);
  assert.deepEqual(Object.keys(checkBundle(received).files).sort(), ['__proto__', 'handler.mjs']);
  assert.equal(({} as { sha256?: string }).sha256, undefined);
});
