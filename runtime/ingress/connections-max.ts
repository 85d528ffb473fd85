// How many connections an ingress thread may hold: as many as the process has descriptors for, after those that the host needs
// for itself. A crowd at the door must not keep it from loading a model, starting an isolate or being administered.
import { readFileSync } from 'node:fs';

const CONNECTIONS_MAX = 20_000;
const CONNECTIONS_MIN = 16;
/** Threads, engines, the store, deploys and the admin API. */
const OWN_DESCRIPTORS = 160;

/** For each of so many ingress threads. */
export function connectionsMax(threads: number, descriptorsMax = readDescriptorsMax()): number {
  if (descriptorsMax === undefined) return CONNECTIONS_MAX;
  return Math.max(CONNECTIONS_MIN, Math.min(CONNECTIONS_MAX, Math.floor((descriptorsMax - OWN_DESCRIPTORS) / threads)));
}

/** undefined: without a limit, or on a system that tells it otherwise. */
function readDescriptorsMax(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
