// Many small functions in a store, put there by the store's own code without a host: what a host finds that has served for years.
// Nothing is flushed to the disk, which is most of what a deploy's files cost.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { HANDLER_PATH, type Bundle } from '../../deploy/bundle/bundle.ts';
import { bundleFolder } from '../../deploy/bundle/bundle-folder.ts';
import { checkBundle } from '../../deploy/bundle/check-bundle.ts';
import { realDisk, type Disk } from '../../deploy/store/disk.ts';
import { Store, type FunctionState, type StoredVersion } from '../../deploy/store/store.ts';
import { LastUsed } from '../../runtime/residency/last-used.ts';

/** The functions `crowd-0`, `crowd-1`, ...: each with its own handler and route. */
export const CROWD_NAME = 'crowd';

const DEPLOYED_AT = '2026-01-01T00:00:00Z';

const unflushed: Disk = {
  ...realDisk,
  syncFolder: async () => {},
  async create(file, mode) {
    const { write, close } = await realDisk.create(file, mode);
    return { write, close, sync: async () => {} };
  },
};

/** `folders` are functions that are deployed beside the crowd; the host before, so it says, has run them and nobody else. */
export async function fillStore(folder: string, { count, folders }: { readonly count: number; readonly folders: readonly string[] }): Promise<void> {
  const store = await Store.open(folder, { versionsKept: 10, disk: unflushed });
  const stored: StoredVersion[] = [];
  for (const one of folders) stored.push(await addFolder(store, one));
  for (let index = 0; index < count; index++) stored.push(await addSmall(store, index));
  await store.commit(() => Object.fromEntries(stored.map(stateOf)));
  await new LastUsed(join(folder, 'last-started.json')).rememberKeys(stored.slice(0, folders.length).map(({ name }) => name));
  await store.close();
}

function stateOf({ name, version }: StoredVersion): readonly [string, FunctionState] {
  return [name, { current: version, history: [{ version, deployedAt: DEPLOYED_AT }] }];
}

async function addFolder(store: Store, folder: string): Promise<StoredVersion> {
  const { bundle, contents } = await bundleFolder(folder);
  for (const [path, { sha256, bytes }] of Object.entries(bundle.files)) {
    const content = contents.get(path);
    if (content !== undefined) await store.putBlob(sha256, bytes, 'file' in content ? createReadStream(content.file) : chunk(content.bytes));
  }
  return store.addVersion(bundle);
}

async function addSmall(store: Store, index: number): Promise<StoredVersion> {
  const handler = Buffer.from(`export default { fetch: () => new Response('${index}') };\n`);
  const bundle = smallBundle(`${CROWD_NAME}-${index}`, handler);
  for (const { sha256, bytes } of Object.values(bundle.files)) await store.putBlob(sha256, bytes, chunk(handler));
  return store.addVersion(bundle);
}

function smallBundle(name: string, handler: Uint8Array): Bundle {
  const file = { sha256: createHash('sha256').update(handler).digest('hex'), bytes: handler.length };
  return checkBundle({ manifest: { name, main: 'handler.ts', routes: [`GET /${name}`, `GET /${name}/:id`] }, files: { [HANDLER_PATH]: file } });
}

async function* chunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
