// Watches what an isolate holds: V8 bounds the heap by itself, but buffers lie outside of it and know no bound.
// Garbage does not count: before it complains the gauge collects.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { threadMemory, type MemoryUse } from './process-memory.ts';

const INTERVAL_MS = 250;

/** Calls `onOver` once when heap and own buffers stay above the limit after a collection; beats the pulse meanwhile. */
export function watchMemory(limitBytes: number, pulse: Int32Array, onOver: (use: MemoryUse) => void): void {
  const isOver = (use: MemoryUse | undefined): use is MemoryUse => use !== undefined && use.heapBytes + use.bufferBytes > limitBytes;
  let state: 'within' | 'over' = 'within';
  const look = (): void => {
    Atomics.add(pulse, 0, 1);
    if (state === 'over' || !isOver(threadMemory())) return;
    collectGarbage();
    const use = threadMemory();
    if (!isOver(use)) return;
    state = 'over';
    onOver(use);
  };
  setInterval(look, INTERVAL_MS).unref();
}

let collect: (() => void) | undefined;

function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
