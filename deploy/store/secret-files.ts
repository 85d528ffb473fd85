// Secrets: `secrets/digits/API_KEY`, mode 0600, beside a folder of the operator's own that is only read and wins.
// Values are never part of a message.
import path from 'node:path';
import { PilotlightError } from '../../runtime/errors.ts';
import type { StoreDisk } from './store-disk.ts';

const FUNCTION_NAME = /^[a-z][a-z0-9-]{0,62}$/;
const KEY = /^[A-Z][A-Z0-9_]{0,62}$/;
const VALUE_BYTES_MAX = 64 * 1024;

/** Values never appear in messages. */
export interface StoredSecrets {
  put(name: string, key: string, value: string): Promise<void>;
  /** Names only, sorted. */
  list(name: string): Promise<string[]>;
  /** false when there was none. */
  delete(name: string, key: string): Promise<boolean>;
  /** All secrets of a function. */
  read(name: string): Promise<Readonly<Record<string, string>>>;
  /** When the function goes. */
  deleteAll(name: string): Promise<void>;
}

export class SecretFiles implements StoredSecrets {
  readonly #disk: StoreDisk;
  readonly #folder: string;
  readonly #operatorFolder: string | undefined;

  constructor(disk: StoreDisk, folder: string, operatorFolder: string | undefined) {
    this.#disk = disk;
    this.#folder = folder;
    this.#operatorFolder = operatorFolder;
  }

  async put(name: string, key: string, value: string): Promise<void> {
    const folder = this.#ownFolder(name);
    refuseKey(key);
    const bytes = Buffer.from(value);
    if (bytes.length > VALUE_BYTES_MAX) {
      throw new PilotlightError('BAD_REQUEST', `the secret ${key} of ${name} has ${bytes.length} bytes, more than ${VALUE_BYTES_MAX}`);
    }
    await this.#disk.makeFolder(folder);
    await this.#disk.writeWhole(path.join(folder, key), 0o600, bytes);
  }

  async list(name: string): Promise<string[]> {
    const keys = new Set<string>();
    for (const folder of this.#foldersOf(name)) {
      for (const key of await this.#keysIn(folder)) keys.add(key);
    }
    return [...keys].sort();
  }

  async delete(name: string, key: string): Promise<boolean> {
    const folder = this.#ownFolder(name);
    refuseKey(key);
    if (!(await this.#keysIn(folder)).includes(key)) return false;
    await this.#disk.remove(path.join(folder, key));
    await this.#disk.syncFolder(folder);
    return true;
  }

  async read(name: string): Promise<Readonly<Record<string, string>>> {
    const values: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const folder of this.#foldersOf(name)) {
      for (const key of await this.#keysIn(folder)) {
        const bytes = await this.#disk.read(path.join(folder, key));
        if (bytes !== undefined) values[key] = valueOf(bytes, folder === this.#ownFolder(name));
      }
    }
    return Object.freeze(values);
  }

  async deleteAll(name: string): Promise<void> {
    await this.#disk.remove(this.#ownFolder(name));
  }

  /** The operator's folder last, so that it wins. */
  #foldersOf(name: string): string[] {
    const own = this.#ownFolder(name);
    return this.#operatorFolder === undefined ? [own] : [own, path.join(this.#operatorFolder, name)];
  }

  #ownFolder(name: string): string {
    if (!FUNCTION_NAME.test(name)) throw new PilotlightError('BAD_REQUEST', `${JSON.stringify(name)} is not a function's name`);
    return path.join(this.#folder, name);
  }

  async #keysIn(folder: string): Promise<string[]> {
    return (await this.#disk.list(folder)).filter((entry) => !entry.isFolder && KEY.test(entry.name)).map((entry) => entry.name);
  }
}

function refuseKey(key: string): void {
  if (!KEY.test(key)) {
    throw new PilotlightError('BAD_REQUEST', `${JSON.stringify(key)} cannot name a secret; upper-case letters, digits and underscores, a letter first, such as API_KEY`);
  }
}

/** Editors and `echo` end a file with a line break that nobody means. Own ones are kept as they were given. */
function valueOf(bytes: Buffer, isOwn: boolean): string {
  const text = bytes.toString();
  return isOwn ? text : text.replace(/\r?\n$/, '');
}
