// What the host's native threads were doing when it died: an unlinked file in memory that host and supervisor both have open. Native
// writes it (native/src/core/work_record.h, kept in step), here it is read. Pools are numbers there; the host tells whose they are.
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Activity } from './messages.ts';

const LAYOUT = 1;
const BYTES = 64 * 1024;
const WORDS_EACH = 16;
/** A file on a disk would do too, but a thread that writes to it may have to wait while it is written out. */
const FOLDERS = ['/dev/shm', tmpdir()];

/** By the index of the pool. */
export interface Work {
  /** Of the thread that had the fault, if it was one of an engine's slots or the loader. */
  readonly failed: number | undefined;
  readonly busy: readonly number[];
}

const NO_WORK: Work = { failed: undefined, busy: [] };

export class WorkRecord {
  readonly descriptor: number;
  #closed = false;

  private constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** undefined where no file can be made: then deaths are told by what the host said of itself. */
  static create(folders: readonly string[] = FOLDERS): WorkRecord | undefined {
    for (const folder of folders) {
      const path = join(folder, `pilotlight-work-${process.pid}-${process.hrtime.bigint()}`);
      try {
        const descriptor = openSync(path, 'wx+', 0o600);
        unlinkSync(path);
        ftruncateSync(descriptor, BYTES);
        return new WorkRecord(descriptor);
      } catch {
        // The next folder may do.
      }
    }
    return undefined;
  }

  /** What the dead host left; empties it for the next one. Nothing once closed: then its descriptor may be another file's. */
  take(): Work {
    if (this.#closed) return NO_WORK;
    const bytes = new Uint8Array(BYTES);
    const read = readSync(this.descriptor, bytes, 0, BYTES, 0);
    ftruncateSync(this.descriptor, 0);
    ftruncateSync(this.descriptor, BYTES);
    return decodeWork(new Uint32Array(bytes.buffer, 0, Math.floor(read / 4)));
  }

  close(): void {
    this.#closed = true;
    closeSync(this.descriptor);
  }
}

export function decodeWork(words: Uint32Array): Work {
  if (words[0] !== LAYOUT) return NO_WORK;
  const busy = new Set<number>();
  for (let at = WORDS_EACH + 1; at < words.length; at += WORDS_EACH) {
    const pool = words[at] ?? 0;
    if (pool !== 0) busy.add(pool - 1);
  }
  const failed = words[1] ?? 0;
  return { failed: failed === 0 ? undefined : failed - 1, busy: [...busy] };
}

/**
 * The versions that a fault was in, as exactly as can be told: those of the thread that had it, else all that native threads worked for
 * (an engine's own helper may have had it). Of a pool's owners those count that the host was busy with.
 */
export function blamedFor({ failed, busy }: Work, claims: ReadonlyMap<string, readonly number[]>, { running, preparing }: Activity): readonly string[] {
  const owners = (index: number): readonly string[] => {
    const all = [...claims].filter(([, pools]) => pools.includes(index)).map(([label]) => label);
    const active = all.filter((label) => running.includes(label) || preparing.includes(label));
    return active.length > 0 ? active : all;
  };
  return [...new Set((failed === undefined ? busy : [failed]).flatMap(owners))];
}
