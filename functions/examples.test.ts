import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { HANDLER_PATH } from '../deploy/bundle/bundle.ts';
import { bundleFolder, type BundleContent, type FolderBundle } from '../deploy/bundle/bundle-folder.ts';
import { warmInputPaths } from '../deploy/bundle/warm-inputs.ts';
import { bindingTypes } from '../deploy/manifest/binding-types.ts';
import { variantsOf } from '../deploy/manifest/model-files.ts';
import { findMismatch } from '../deploy/manifest/expectation.ts';
import type { ManifestGolden } from '../deploy/manifest/manifest.ts';
import { parseWarmSample } from '../deploy/rollout/warm-sample-file.ts';
import { findFault } from '../runtime/residency/check-outputs.ts';
import type { Handler } from '../runtime/sdk.ts';
import { openEngineModel, type EngineModel } from '../test/support/engine-model.ts';
import { handlerContext } from '../test/support/handler-context.ts';
import { embedFolder } from '../test/support/stand-in-encoder.ts';
import * as embed from './embed/batches.ts';
import { LENGTHS } from './langid/tokens.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FUNCTIONS = path.join(ROOT, 'functions');
const EXAMPLES = ['hello', 'digits', 'langid', 'variants', 'embed'];

/** Embed's weights are not in the repository: it is tried with a small model in their place. */
const embedWithStandIn = embedFolder();
after(() => embedWithStandIn.remove());

function folderOf(name: string): string {
  return name === 'embed' ? embedWithStandIn.folder : path.join(FUNCTIONS, name);
}

function bundleOf(name: string): Promise<FolderBundle> {
  return bundleFolder(folderOf(name));
}

async function bytesOf(content: BundleContent | undefined): Promise<Uint8Array> {
  assert.ok(content !== undefined, 'the bundle has the file');
  return 'file' in content ? await readFile(content.file) : content.bytes;
}

/** The bundled handler, imported from a file outside the checkout, as a host has it. */
async function importHandler(t: TestContext, { contents }: FolderBundle): Promise<Handler> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pilotlight-example-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, HANDLER_PATH);
  await writeFile(file, await bytesOf(contents.get(HANDLER_PATH)));
  return ((await import(pathToFileURL(file).href)) as { default: Handler }).default;
}

/** The models of a bundle on the engine, by binding; closed when the test ends. */
async function openModels(t: TestContext, name: string, { bundle }: FolderBundle): Promise<ReadonlyMap<string, EngineModel>> {
  const opened = new Map<string, EngineModel>();
  for (const [binding, files] of Object.entries(bundle.manifest.models)) {
    const model = await openEngineModel(path.relative(ROOT, path.join(folderOf(name), variantsOf(files)[0]?.path ?? '')));
    t.after(() => model.close());
    opened.set(binding, model);
  }
  return opened;
}

async function requestOf({ request, headers, body }: ManifestGolden, contents: FolderBundle['contents']): Promise<Request> {
  const [method = '', target = ''] = request.split(' ');
  const bytes = body === undefined ? undefined : await bytesOf(contents.get(body));
  return new Request(`http://localhost${target}`, { method, headers, ...(bytes === undefined ? {} : { body: bytes }) });
}

for (const name of EXAMPLES) {
  test(`the bundled handler of ${name} answers its golden requests as the manifest says`, async (t) => {
    const built = await bundleOf(name);
    assert.deepEqual(built.warnings, []);
    const handler = await importHandler(t, built);
    const models = await openModels(t, name, built);
    const env = { ...built.bundle.manifest.vars, ...Object.fromEntries([...models].map(([binding, { model }]) => [binding, model])) };
    const { warm } = built.bundle.manifest;
    assert.ok(warm.length > 0, 'there is a golden request');
    for (const golden of warm) {
      const response = await handler.fetch(await requestOf(golden, built.contents), env, handlerContext());
      const answer = { status: response.status, body: new Uint8Array(await response.arrayBuffer()) };
      assert.equal(findMismatch(golden.expect, answer), undefined, golden.request);
    }
  });
}

for (const name of EXAMPLES) {
  test(`env.d.ts of ${name} is what \`pilotlight types\` writes`, async (t) => {
    const built = await bundleOf(name);
    const signatures = new Map([...await openModels(t, name, built)].map(([binding, { signature }]) => [binding, signature]));
    assert.equal(await readFile(path.join(FUNCTIONS, name, 'env.d.ts'), 'utf8'), bindingTypes(built.bundle.manifest, signatures));
  });
}

test('every variant of variants gives what the warm inputs promise, so a host may take any of them', async (t) => {
  const { bundle: { manifest }, contents } = await bundleOf('variants');
  const { DIGITS } = manifest.models;
  assert.ok(DIGITS !== undefined);
  assert.equal(variantsOf(DIGITS).length, 2);
  const files = warmInputPaths(DIGITS.warm.inputs, contents.keys());
  assert.ok(files.length > 0);
  for (const { path: variant } of variantsOf(DIGITS)) {
    const opened = await openEngineModel(`functions/variants/${variant}`);
    t.after(() => opened.close());
    for (const file of files) {
      const sample = parseWarmSample(file, Buffer.from(await bytesOf(contents.get(file))).toString());
      assert.equal(findFault(opened.signature, sample, await opened.model.run(sample.inputs)), undefined, `${variant}: ${file}`);
    }
  }
});

test('the warm inputs of langid cover every length that its handler pads to, and give what they promise', async (t) => {
  const built = await bundleOf('langid');
  const { LANGID } = built.bundle.manifest.models;
  const opened = (await openModels(t, 'langid', built)).get('LANGID') ?? assert.fail('no model');
  const lengths = new Set<number | undefined>();
  for (const file of warmInputPaths(LANGID?.warm.inputs ?? [], built.contents.keys())) {
    const sample = parseWarmSample(file, Buffer.from(await bytesOf(built.contents.get(file))).toString());
    assert.ok(sample.expect !== undefined, `${file} says what must come out`);
    assert.equal(findFault(opened.signature, sample, await opened.model.run(sample.inputs)), undefined, file);
    lengths.add(sample.inputs['tokens']?.shape[1]);
  }
  assert.deepEqual([...lengths].toSorted(), [...LENGTHS].toSorted());
});

test('the warm inputs of embed cover every shape that its handler makes', async () => {
  const { bundle, contents } = await bundleOf('embed');
  const samples = await Promise.all(warmInputPaths(bundle.manifest.models['MINILM']?.warm.inputs ?? [], contents.keys()).map(async (file) =>
    parseWarmSample(file, Buffer.from(await bytesOf(contents.get(file))).toString())));
  const shapes = samples.map(({ inputs }) => inputs['tokens']?.shape.join(' x '));
  assert.deepEqual(shapes.toSorted(), embed.BATCHES.flatMap((texts) => embed.LENGTHS.map((tokens) => `${texts} x ${tokens}`)).toSorted());
});
