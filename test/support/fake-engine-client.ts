// An engine client for isolates under test. Shared counters say which pools are resident and count what runs: runs hang
// until their request ends, or give their input back.
import type { EngineClient, RunOptions, RunResult } from '../../runtime/engine/port.ts';
import type { Tensors } from '../../runtime/engine/tensor.ts';
import { monotonicMs } from '../../runtime/clock.ts';
import { PilotlightError } from '../../runtime/errors.ts';

export const COUNTERS = { resident: 0, runs: 1, aborted: 2, hangs: 3, holds: 4 } as const;

export function newCounters(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(4 * Object.keys(COUNTERS).length));
}

export function openEngineClient(settings: Int32Array): EngineClient {
  const mustBeResident = (key: string): void => {
    if (Atomics.load(settings, COUNTERS.resident) === 0) throw new PilotlightError('NOT_RESIDENT', `pool ${key} is not resident`);
  };
  return {
    async run(key: string, _signature: unknown, inputs: Tensors, { signal }: RunOptions): Promise<RunResult> {
      mustBeResident(key);
      signal?.throwIfAborted();
      Atomics.add(settings, COUNTERS.runs, 1);
      const submittedMs = monotonicMs();
      if (Atomics.load(settings, COUNTERS.hangs) === 1) await new Promise((_, reject) => { signal?.addEventListener('abort', () => {
        Atomics.add(settings, COUNTERS.aborted, 1);
        reject(signal.reason);
      }); });
      return { outputs: inputs, submittedMs, startedMs: submittedMs, endedMs: monotonicMs() };
    },
    hold(key: string) {
      mustBeResident(key);
      Atomics.add(settings, COUNTERS.holds, 1);
      let state: 'held' | 'released' = 'held';
      return {
        release: () => {
          if (state === 'held') Atomics.sub(settings, COUNTERS.holds, 1);
          state = 'released';
        },
      };
    },
  };
}
