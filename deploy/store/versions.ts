// Versions: `versions/digits/3f2a…/` holds `bundle.json` and, under `files/`, the bundle's files in their places,
// as second names of their blobs. A version's folder appears whole or not at all.
import path from 'node:path';
import { PilotlightError } from '../../runtime/errors.ts';
import { versionLabel } from '../../runtime/function.ts';
import { bundleVersion, isDigest, type Bundle } from '../bundle/bundle.ts';
import { checkBundle } from '../bundle/check-bundle.ts';
import type { Blobs } from './blobs.ts';
import type { DiskEntry } from './disk.ts';
import type { StoreDisk } from './store-disk.ts';

const FORMAT = 1;

export interface StoredVersion {
  readonly name: string;
  readonly version: string;
  /** Absolute; holds the files under their bundle paths. */
  readonly folder: string;
  readonly bundle: Bundle;
}

export interface VersionId {
  readonly name: string;
  readonly version: string;
}

interface Known {
  readonly id: VersionId;
  /** Unknown of a version that was only listed. */
  readonly digests: readonly string[] | undefined;
}

export class Versions {
  readonly #disk: StoreDisk;
  readonly #folder: string;
  readonly #blobs: Blobs;
  /** Those that may be here; the disk knows whether they are. All of them, once it was listed. */
  readonly #known = new Map<string, Known>();
  #isListed = false;

  constructor(disk: StoreDisk, folder: string, blobs: Blobs) {
    this.#disk = disk;
    this.#folder = folder;
    this.#blobs = blobs;
  }

  async add(bundle: Bundle): Promise<StoredVersion> {
    const id = { name: bundle.manifest.name, version: bundleVersion(bundle) };
    if (typeof (await this.#look(id)) === 'object') {
      this.#remember(id, bundle);
      return { ...id, folder: this.#files(id), bundle };
    }
    await this.#refuseMissing(bundle);
    await this.remove(id);
    // Before it is there: a failure may come after its folder.
    this.#remember(id, bundle);
    const staged = this.#disk.stagingPath();
    try {
      await this.#stageFiles(staged, bundle);
      await this.#disk.stage(path.join(staged, 'bundle.json'), 0o444, [Buffer.from(JSON.stringify({ format: FORMAT, bundle }))]);
      await this.#disk.syncFolder(staged);
      await this.#disk.makeFolder(path.dirname(this.#place(id)));
      await this.#disk.moveIntoPlace(staged, this.#place(id));
    } catch (error) {
      await this.#disk.tidy(staged);
      throw error;
    }
    return { ...id, folder: this.#files(id), bundle };
  }

  /** NO_VERSION when it is not here; STORE_FAILED when it is not what it was. */
  async read(id: VersionId): Promise<StoredVersion> {
    const found = await this.#look(id);
    if (found === 'absent') throw new PilotlightError('NO_VERSION', `the store has no version ${versionLabel(id)}; \`pilotlight versions\` lists those that it has`);
    if (found === 'damaged') throw new PilotlightError('STORE_FAILED', `${this.#place(id)} is not what was stored; deploy ${id.name} again`);
    this.#remember(id, found);
    return { ...id, folder: this.#files(id), bundle: found };
  }

  /** Read from the disk once: nobody else writes there. */
  async list(): Promise<readonly VersionId[]> {
    if (!this.#isListed) {
      for (const id of await this.#onDisk()) this.#remember(id);
      this.#isListed = true;
    }
    return [...this.#known.values()].map(({ id }) => id);
  }

  /** Of a version's files. A content is named by its digest, so what was read once need not be read again. */
  async digestsOf(id: VersionId): Promise<readonly string[] | 'damaged'> {
    const known = this.#known.get(versionKey(id))?.digests;
    if (known !== undefined) return known;
    const found = await this.#look(id);
    if (typeof found !== 'object') return 'damaged';
    this.#remember(id, found);
    return digestsIn(found);
  }

  /** Nothing when it is not here. */
  async remove(id: VersionId): Promise<void> {
    const owner = path.dirname(this.#place(id));
    if ((await this.#disk.list(this.#place(id))).length > 0) {
      await this.#disk.removeWhole(this.#place(id));
      if ((await this.#disk.list(owner)).length === 0) await this.#disk.remove(owner);
    }
    this.#known.delete(versionKey(id));
  }

  #remember(id: VersionId, bundle?: Bundle): void {
    const key = versionKey(id);
    const digests = bundle === undefined ? this.#known.get(key)?.digests : digestsIn(bundle);
    this.#known.set(key, { id: { name: id.name, version: id.version }, digests });
  }

  async #onDisk(): Promise<VersionId[]> {
    const owners = await this.#foldersIn(this.#folder);
    const found = await Promise.all(owners.map(async ({ name }) =>
      (await this.#foldersIn(path.join(this.#folder, name))).map(({ name: version }) => ({ name, version }))));
    return found.flat().filter(isVersionId);
  }

  async #foldersIn(folder: string): Promise<readonly DiskEntry[]> {
    return (await this.#disk.list(folder)).filter(({ isFolder }) => isFolder);
  }

  #place({ name, version }: VersionId): string {
    return path.join(this.#folder, name, version);
  }

  #files(id: VersionId): string {
    return path.join(this.#place(id), 'files');
  }

  #bundleFile(id: VersionId): string {
    return path.join(this.#place(id), 'bundle.json');
  }

  async #look(id: VersionId): Promise<Bundle | 'absent' | 'damaged'> {
    const text = isVersionId(id) ? await this.#disk.read(this.#bundleFile(id)) : undefined;
    if (text === undefined) return 'absent';
    const bundle = readBundle(text, id, this.#bundleFile(id));
    for (const [inner, { bytes }] of Object.entries(bundle?.files ?? {})) {
      if ((await this.#disk.size(path.join(this.#files(id), inner))) !== bytes) return 'damaged';
    }
    return bundle ?? 'damaged';
  }

  async #refuseMissing(bundle: Bundle): Promise<void> {
    for (const [inner, { sha256, bytes }] of Object.entries(bundle.files)) {
      const found = await this.#blobs.size(sha256);
      if (found === undefined) throw new PilotlightError('BAD_BUNDLE', `${inner} has not been sent: the store has no blob ${sha256}; deploy again`);
      if (found !== bytes) throw new PilotlightError('BAD_BUNDLE', `${inner} is declared with ${bytes} bytes and its blob ${sha256} has ${found}`);
    }
  }

  async #stageFiles(staged: string, bundle: Bundle): Promise<void> {
    const files = path.join(staged, 'files');
    const folders = new Set([files]);
    for (const inner of Object.keys(bundle.files)) {
      for (let folder = path.dirname(inner); folder !== '.'; folder = path.dirname(folder)) folders.add(path.join(files, folder));
    }
    for (const folder of folders) await this.#disk.makeFolder(folder);
    for (const [inner, { sha256 }] of Object.entries(bundle.files)) await this.#disk.link(this.#blobs.pathOf(sha256), path.join(files, inner));
    for (const folder of folders) await this.#disk.syncFolder(folder);
  }
}

export function versionKey({ name, version }: VersionId): string {
  return `${name}@${version}`;
}

function digestsIn({ files }: Bundle): readonly string[] {
  return Object.values(files).map(({ sha256 }) => sha256);
}

function isVersionId({ name, version }: VersionId): boolean {
  return /^[a-z][a-z0-9-]{0,62}$/.test(name) && isDigest(version);
}

/** The digest proves that it is what was stored; the check fills in what bundles of older hosts could not have. undefined: damaged. */
function readBundle(text: Buffer, id: VersionId, file: string): Bundle | undefined {
  const { format, bundle } = parseObject(text);
  if (bundle === undefined) return undefined;
  if (format !== FORMAT) throw new PilotlightError('STORE_FAILED', `${file} has the format ${String(format)}, this host knows ${FORMAT}; use the host that wrote it`);
  return bundleVersion(bundle) === id.version ? checkBundle(bundle) : undefined;
}

function parseObject(text: Buffer): { readonly format?: unknown; readonly bundle?: Bundle } {
  try {
    return Object(JSON.parse(text.toString())) as { format?: unknown; bundle?: Bundle };
  } catch {
    return {};
  }
}
