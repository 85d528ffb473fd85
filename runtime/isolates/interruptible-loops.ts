// V8 13 unrolls loops and drops the check by which a thread is ended: a handler that loops over allocations could not be
// stopped by anything and would fill the memory until the process dies (seen on Node 24.21). Unrolling is worth little to
// handlers, so it is off.
import { setFlagsFromString } from 'node:v8';

const FIRST_V8_WITH_THE_FLAG = 12;

/** Once, before the first isolate starts; it holds for the process. */
export function keepLoopsInterruptible(): void {
  if (Number.parseInt(process.versions.v8, 10) >= FIRST_V8_WITH_THE_FLAG) setFlagsFromString('--no-turboshaft-loop-unrolling');
}
