import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { link, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { bundleFolder } from './bundle-folder.ts';

const HANDLER = 'export default { fetch(): Response { return new Response("hi"); } };\n';
const MANIFEST = { name: 'a', main: 'handler.ts', routes: ['POST /a'] };
const WITH_MODEL = { ...MANIFEST, models: { M: { path: 'm.onnx', warm: { inputs: ['samples/*.json'] } } }, warm: [{ request: '/a', body: 'samples/1.json' }] };

type Files = Readonly<Record<string, string>>;

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bundle-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function functionFolder(t: TestContext, manifest: object, files: Files): Promise<string> {
  const folder = await temporaryFolder(t);
  for (const [name, content] of Object.entries({ 'pilotlight.json': JSON.stringify(manifest), 'handler.ts': HANDLER, ...files })) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), content);
  }
  return folder;
}

async function importHandler(t: TestContext, bytes: Uint8Array): Promise<{ fetch(): unknown }> {
  const file = path.join(await temporaryFolder(t), 'handler.mjs');
  await writeFile(file, bytes);
  const module = await import(pathToFileURL(file).href) as { default: { fetch(): unknown } };
  return module.default;
}

async function handlerOf(folder: string): Promise<Uint8Array> {
  const content = (await bundleFolder(folder)).contents.get('handler.mjs');
  assert.ok(content !== undefined && 'bytes' in content);
  return content.bytes;
}

test('a bundle holds the handler, the models, the warm inputs and the golden bodies, and nothing else', async (t) => {
  const folder = await functionFolder(t, WITH_MODEL, { 'm.onnx': 'model', 'samples/1.json': '{}', 'samples/2.json': '[]', 'samples/x.png': 'no', 'README.md': 'no' });
  const { bundle, contents } = await bundleFolder(folder);
  assert.deepEqual(Object.keys(bundle.files).sort(), ['handler.mjs', 'm.onnx', 'samples/1.json', 'samples/2.json']);
  assert.deepEqual(bundle.files['m.onnx'], { sha256: '9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4', bytes: 5 });
  assert.deepEqual(contents.get('m.onnx'), { file: path.join(folder, 'm.onnx') });
});

test('fault 8: the same content in another folder, in another order, is the same version', async (t) => {
  const one = await bundleFolder(await functionFolder(t, WITH_MODEL, { 'm.onnx': 'model', 'samples/1.json': '{}' }));
  const { name, ...others } = WITH_MODEL;
  const same = await bundleFolder(await functionFolder(t, { $schema: 'x', ...others, isolates: 2, name }, { 'samples/1.json': '{}', 'm.onnx': 'model' }));
  const changed = await bundleFolder(await functionFolder(t, WITH_MODEL, { 'm.onnx': 'model', 'samples/1.json': '{ }' }));
  assert.equal(same.version, one.version);
  assert.notEqual(changed.version, one.version);
});

test('a TypeScript handler with imports becomes one module that runs anywhere', async (t) => {
  const folder = await functionFolder(t, MANIFEST, {
    'handler.ts': [
      "import type { Handler } from 'pilotlight';",
      "import { readFileSync } from 'node:fs';",
      "import { add } from './add';",
      "import words from './words.json';",
      "import prompt from './prompt.txt';",
      "import old from './old.cjs';",
      'export default { fetch: () => [add(1, 2), words.length, prompt, old.kind, typeof readFileSync] } satisfies Handler as unknown;',
    ].join('\n'),
    'add.ts': 'export const add = (a: number, b: number): number => a + b;',
    'words.json': '["a", "b"]',
    'prompt.txt': 'Hello',
    'old.cjs': "module.exports = { kind: typeof require('node:os').EOL + typeof __dirname };",
  });
  const handler = await importHandler(t, await handlerOf(folder));
  assert.deepEqual(handler.fetch(), [3, 2, 'Hello', 'stringstring', 'function']);
});

test('a handler that makes its own require is not disturbed by the one for packages', async (t) => {
  const folder = await functionFolder(t, MANIFEST, {
    'handler.ts': "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\nexport default { fetch: () => typeof require('node:os') };",
  });
  assert.equal((await importHandler(t, await handlerOf(folder))).fetch(), 'object');
});

test("a stack trace's map names the author's files, and their text does not travel", async (t) => {
  const folder = await functionFolder(t, MANIFEST, { 'handler.ts': `// secret remark\n${HANDLER}` });
  const text = Buffer.from(await handlerOf(folder)).toString();
  const map = JSON.parse(Buffer.from(String(text.split('base64,')[1]), 'base64').toString()) as { sources: string[]; sourcesContent?: string[] };
  assert.deepEqual(map.sources, ['handler.ts']);
  assert.equal(map.sourcesContent, undefined);
  assert.ok(!text.includes(folder));
});

test('fault 14: a syntax error is BAD_HANDLER with file, line and column', async (t) => {
  const folder = await functionFolder(t, MANIFEST, { 'handler.ts': 'const a = 1;\nexport default { fetch( };\n' });
  await assert.rejects(bundleFolder(folder), { code: 'BAD_HANDLER', message: /cannot bundle handler\.ts: handler\.ts:2:25: / });
});

test('an import that leads nowhere is BAD_HANDLER with its place', async (t) => {
  const folder = await functionFolder(t, MANIFEST, { 'handler.ts': "import { x } from './gone';\nexport default { fetch: x };\n" });
  await assert.rejects(bundleFolder(folder), { code: 'BAD_HANDLER', message: /handler\.ts:1:19: Could not resolve "\.\/gone"/ });
});

test('fault 14: a handler without a default export is refused', async (t) => {
  const folder = await functionFolder(t, MANIFEST, { 'handler.ts': 'export const fetch = () => new Response();' });
  await assert.rejects(bundleFolder(folder), { code: 'BAD_HANDLER', message: /handler\.ts has no default export; write: export default/ });
});

test('a file that the manifest names and the folder lacks is refused with the field', async (t) => {
  const files = { 'samples/1.json': '{}' };
  const noModel = await functionFolder(t, WITH_MODEL, files);
  await assert.rejects(bundleFolder(noModel), { code: 'BAD_BUNDLE', message: /^models\.M\.path: there is no file .*m\.onnx/ });
  const noMain = await functionFolder(t, { ...MANIFEST, main: 'gone.ts' }, {});
  await assert.rejects(bundleFolder(noMain), { code: 'BAD_BUNDLE', message: /^main: there is no file .*gone\.ts/ });
  const noSample = await functionFolder(t, { ...MANIFEST, models: { M: { path: 'm.onnx', warm: { inputs: ['*.npy'] } } } }, { 'm.onnx': '' });
  await assert.rejects(bundleFolder(noSample), { code: 'BAD_BUNDLE', message: /models\.M\.warm\.inputs: no file matches "\*\.npy"/ });
});

test('fault 10: a symbolic link is refused, as the file, as a folder on the way and as a sample', async (t) => {
  const outside = await temporaryFolder(t);
  await writeFile(path.join(outside, '1.json'), 'secret');
  const asFile = await functionFolder(t, WITH_MODEL, { 'samples/1.json': '{}' });
  await symlink(path.join(outside, '1.json'), path.join(asFile, 'm.onnx'));
  await assert.rejects(bundleFolder(asFile), { code: 'BAD_BUNDLE', message: /^models\.M\.path: .*m\.onnx is a symbolic link/ });
  const asFolder = await functionFolder(t, WITH_MODEL, { 'm.onnx': '' });
  await symlink(outside, path.join(asFolder, 'samples'));
  await assert.rejects(bundleFolder(asFolder), { code: 'BAD_BUNDLE', message: /samples is a symbolic link/ });
  const asSample = await functionFolder(t, WITH_MODEL, { 'm.onnx': '', 'samples/1.json': '{}' });
  await symlink(path.join(outside, '1.json'), path.join(asSample, 'samples/2.json'));
  await assert.rejects(bundleFolder(asSample), { code: 'BAD_BUNDLE', message: /2\.json is a symbolic link/ });
  const asMain = await functionFolder(t, { ...MANIFEST, main: 'link.ts' }, {});
  await symlink('handler.ts', path.join(asMain, 'link.ts'));
  await assert.rejects(bundleFolder(asMain), { code: 'BAD_BUNDLE', message: /^main: .*link\.ts is a symbolic link/ });
});

test('fault 10: a pipe, a socket, a device folder and a folder in the place of a file are refused at once', async (t) => {
  const pipe = await functionFolder(t, WITH_MODEL, { 'samples/1.json': '{}' });
  execFileSync('mkfifo', [path.join(pipe, 'm.onnx')]);
  await assert.rejects(bundleFolder(pipe), { code: 'BAD_BUNDLE', message: /m\.onnx is a pipe; only plain files/ });
  const socket = await functionFolder(t, WITH_MODEL, { 'samples/1.json': '{}' });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path.join(socket, 'm.onnx'), resolve));
  t.after(() => server.close());
  await assert.rejects(bundleFolder(socket), { code: 'BAD_BUNDLE', message: /is a socket/ });
  const folder = await functionFolder(t, WITH_MODEL, { 'samples/1.json': '{}', 'm.onnx/x': '' });
  await assert.rejects(bundleFolder(folder), { code: 'BAD_BUNDLE', message: /is a folder/ });
});

test('fault 10: a hard link is only its content', async (t) => {
  const folder = await functionFolder(t, WITH_MODEL, { 'other.bin': 'model', 'samples/1.json': '{}' });
  await link(path.join(folder, 'other.bin'), path.join(folder, 'm.onnx'));
  assert.equal((await bundleFolder(folder)).bundle.files['m.onnx']?.bytes, 5);
});

test('fault 10: samples that differ in case alone are refused', async (t) => {
  const folder = await functionFolder(t, WITH_MODEL, { 'm.onnx': '', 'samples/1.json': '{}', 'samples/a.json': '1', 'samples/A.json': '2' });
  // A file system where case does not count cannot hold both in the first place.
  if ((await readFile(path.join(folder, 'samples/a.json'), 'utf8')) === '2') return;
  await assert.rejects(bundleFolder(folder), { code: 'BAD_BUNDLE', message: /are one file where case does not count/ });
});

test('fault 10: a glob that leads to more files than a bundle may have is refused before they are read', async (t) => {
  const folder = await functionFolder(t, WITH_MODEL, { 'm.onnx': '', 'samples/1.json': '{}' });
  // Named but not readable as files: reading any of them would be another error.
  for (let index = 0; index <= 10_000; index += 1) symlinkSync('nowhere', path.join(folder, `samples/s${index}.json`));
  await assert.rejects(bundleFolder(folder), { code: 'BAD_BUNDLE', message: /samples\/\*\.json leads to more than 10000 files/ });
});

test('what stands beside a plan and says what it is travels with it, and nothing beside other models', async (t) => {
  const manifest = { ...MANIFEST, models: { M: { variants: [{ path: 'a.plan', when: { device: 'gpu:0' } }, { path: 'b.engine' }, { path: 'm.onnx' }] } } };
  const files = { 'a.plan': 'a', 'a.plan.json': '{}', 'b.engine': 'b', 'm.onnx': 'm', 'm.onnx.json': '{}' };
  const { bundle } = await bundleFolder(await functionFolder(t, manifest, files));
  assert.deepEqual(Object.keys(bundle.files).sort(), ['a.plan', 'a.plan.json', 'b.engine', 'handler.mjs', 'm.onnx']);
  const linked = await functionFolder(t, manifest, { 'a.plan': 'a', 'b.engine': 'b', 'm.onnx': 'm' });
  symlinkSync('m.onnx', path.join(linked, 'a.plan.json'));
  await assert.rejects(bundleFolder(linked), { code: 'BAD_BUNDLE', message: /^models\.M\.variants\[0\]\.path: .*a\.plan\.json is a symbolic link/ });
});

test('all variants of a model travel with the bundle, also those that no backend here takes; a missing one is refused with its field', async (t) => {
  const manifest = { ...MANIFEST, models: { M: { variants: [{ path: 'sm90.engine' }, { path: './m.onnx' }] } } };
  const whole = await bundleFolder(await functionFolder(t, manifest, { 'sm90.engine': 'engine', 'm.onnx': 'onnx', 'other.onnx': 'not named' }));
  assert.deepEqual(Object.keys(whole.bundle.files).sort(), ['handler.mjs', 'm.onnx', 'sm90.engine']);
  const part = await functionFolder(t, manifest, { 'sm90.engine': 'engine' });
  await assert.rejects(bundleFolder(part), { code: 'BAD_BUNDLE', message: /^models\.M\.variants\[1\]\.path: there is no file .*m\.onnx/ });
});
