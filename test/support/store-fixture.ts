// Bundles with real contents, and the way of a deploy through the store alone.
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { bundleVersion, type Bundle, type BundleFile } from '../../deploy/bundle/bundle.ts';
import { checkBundle } from '../../deploy/bundle/check-bundle.ts';
import type { Store } from '../../deploy/store/store.ts';

export interface FilledBundle {
  readonly name: string;
  readonly version: string;
  readonly bundle: Bundle;
  /** By digest. */
  readonly blobs: ReadonlyMap<string, Buffer>;
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** A function with a model that all versions share and a handler that tells them apart. */
export function filledBundle(handler: string, name = 'digits'): FilledBundle {
  const contents = { 'handler.mjs': handler, 'models/digits.onnx': 'the model', 'samples/1.json': '{"a":1}' };
  const files: Record<string, BundleFile> = {};
  const blobs = new Map<string, Buffer>();
  for (const [inner, content] of Object.entries(contents)) {
    files[inner] = { sha256: sha256(content), bytes: content.length };
    blobs.set(sha256(content), Buffer.from(content));
  }
  const model = { path: 'models/digits.onnx', warm: { inputs: ['samples/*.json'] } };
  const bundle = checkBundle({ manifest: { name, main: 'handler.ts', routes: [`/${name}`], models: { DIGITS: model } }, files });
  return { name, version: bundleVersion(bundle), bundle, blobs };
}

export async function* chunksOf(content: Uint8Array, chunkBytes = 4): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += chunkBytes) yield content.subarray(at, at + chunkBytes);
}

export async function putMissing(store: Store, { bundle, blobs }: FilledBundle): Promise<void> {
  for (const digest of await store.missing(bundle.files)) {
    const content = blobs.get(digest) ?? Buffer.alloc(0);
    await store.putBlob(digest, content.length, chunksOf(content));
  }
}

/** Blobs, version, commit: what a deploy does to a store. */
export async function deployInto(store: Store, filled: FilledBundle, deployedAt = '2026-01-01T00:00:00Z'): Promise<void> {
  await putMissing(store, filled);
  const { name, version } = await store.addVersion(filled.bundle);
  await store.commit(({ functions }) => {
    const history = functions[name]?.history ?? [];
    return { ...functions, [name]: { current: version, history: [{ version, deployedAt }, ...history] } };
  });
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'store-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
