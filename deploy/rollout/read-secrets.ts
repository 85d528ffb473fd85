// The values of the secrets that a manifest names, and nothing more: an isolate never sees a secret it did not ask for.
import { PilotlightError } from '../../runtime/errors.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { StoredSecrets } from '../store/store.ts';

/** Rejects BAD_MANIFEST naming those that have no value; values never appear in messages. */
export async function readSecrets(
  secrets: Pick<StoredSecrets, 'read'>, manifest: Pick<Manifest, 'name' | 'secrets'>,
): Promise<Readonly<Record<string, string>>> {
  if (manifest.secrets.length === 0) return {};
  const stored = await secrets.read(manifest.name);
  const missing = manifest.secrets.filter((key) => !Object.hasOwn(stored, key));
  const [first] = missing;
  if (first !== undefined) {
    throw new PilotlightError('BAD_MANIFEST',
      `${manifest.name} names the secrets ${missing.join(', ')}, which have no value here; \`pilotlight secret put ${manifest.name} ${first}\` gives one`);
  }
  return Object.fromEntries(manifest.secrets.map((key) => [key, stored[key] ?? '']));
}
