// The example `digits` with content that changes from deploy to deploy: a variable, which the handler tells in a header,
// and the model's file, so that each deploy loads and warms a pool of its own.
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applyEdits, modify } from 'jsonc-parser';
import { encode, text } from '../support/protobuf.ts';
import type { Scratch } from './scratch.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DIGITS = join(ROOT, 'functions', 'digits');
const PNG = join(DIGITS, 'samples', '3-001.png');
/** `doc_string` of an ONNX file: says something and changes nothing. */
const DOC_STRING = 6;

export const DIGITS_PATH = '/digits';
export const DIGITS_BODY = PNG;
export const REVISION_HEADER = 'bench-revision';

const HANDLER = `import digits from './handler.ts';
export default {
  async fetch(request, env, context) {
    const response = await digits.fetch(request, env, context);
    response.headers.set('${REVISION_HEADER}', env.REVISION);
    return response;
  },
};
`;

/** Gives the function's folder. */
export async function writeDigitsRevision(scratch: Scratch, revision: number): Promise<string> {
  const folder = join(scratch.folder, `digits-${revision}`);
  await cp(DIGITS, folder, { recursive: true });
  // Where the handler's imports are found.
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'digits.onnx'), Buffer.concat([await readFile(join(DIGITS, 'digits.onnx')), encode(text(DOC_STRING, `revision ${revision}`))]));
  await writeFile(join(folder, 'revision.ts'), HANDLER);
  const manifest = join(folder, 'pilotlight.jsonc');
  await writeFile(manifest, edited(await readFile(manifest, 'utf8'), { main: 'revision.ts', vars: { REVISION: String(revision) } }));
  return folder;
}

function edited(jsonc: string, fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields).reduce((written, [name, value]) => applyEdits(written, modify(written, [name], value, {})), jsonc);
}
