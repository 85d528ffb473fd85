// Bundles for tests of what comes after the bundler: right in every field, with files that nobody reads.
import { createHash } from 'node:crypto';
import { HANDLER_PATH, type Bundle } from '../../deploy/bundle/bundle.ts';
import { parseManifest } from '../../deploy/manifest/manifest.ts';
import { variantsOf } from '../../deploy/manifest/model-files.ts';

/** `content` stands for the handler's code: another content is another version. Model files get their path as content. */
export function bundleOf(name: string, content: string, manifest: Readonly<Record<string, unknown>> = {}): Bundle {
  const parsed = parseManifest(JSON.stringify({ name, main: 'handler.ts', routes: [`POST /${name}`], ...manifest }), 'pilotlight.jsonc');
  const models = Object.values(parsed.models).flatMap(variantsOf).map(({ path }) => [path, fileOf(path)] as const);
  return { manifest: parsed, files: Object.fromEntries([[HANDLER_PATH, fileOf(content)], ...models]) };
}

function fileOf(content: string): Bundle['files'][string] {
  return { sha256: createHash('sha256').update(content).digest('hex'), bytes: Buffer.byteLength(content) };
}
