// Reads the signature of each model file once: reading means loading, and most deploys change only the handler. Files of
// a store are links to one blob, so the same model in the next version is the same file.
import { stat } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import type { EngineControl } from './port.ts';
import type { Signature } from './tensor.ts';

const FILES_MAX = 1_000;

/** `inspect` of `engine` that remembers by file (device, inode, size, time of change), not by path. A failure is not remembered. */
export function inspectOnce(engine: Pick<EngineControl, 'inspect'>): Pick<EngineControl, 'inspect'> {
  const known = new LRUCache<string, Promise<Signature>>({ max: FILES_MAX });
  return {
    async inspect(path, backend, device) {
      const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
      const key = [backend, dev, ino, size, mtimeNs].join(' ');
      const found = known.get(key);
      if (found !== undefined) return found;
      const signature = engine.inspect(path, backend, device);
      known.set(key, signature);
      signature.catch(() => known.delete(key));
      return signature;
    },
  };
}
