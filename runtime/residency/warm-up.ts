// Warms a loaded pool before it opens: every sample on every slot by itself, and where runs at once are a first time of their own all
// slots together, until no first time is left for traffic to meet. It never opens the pool and never leaves it half judged: the first
// fault ends it.
import type { Clock } from '../clock.ts';
import type { EngineControl } from '../engine/port.ts';
import type { Signature } from '../engine/tensor.ts';
import { PilotlightError } from '../errors.ts';
import type { WarmRecord } from '../records.ts';
import { findFault } from './check-outputs.ts';
import type { PoolPlan, WarmSample } from './pool-plan.ts';
import { describeShapes, zeroSamples } from './warm-samples.ts';

const RUNS_MIN = 2;

export interface WarmUpOptions {
  readonly plan: PoolPlan;
  readonly clock: Clock;
  readonly signature: Signature;
  /** Stamp on the shared monotonic clock after which the warm-up fails. */
  readonly deadlineMs: number;
  /** Told after each run, for progress. */
  readonly onRun?: (record: WarmRecord) => void;
}

/** Rejects WARMUP_FAILED naming function, binding, sample and slot. */
export async function warmUp(engine: EngineControl, options: WarmUpOptions): Promise<readonly WarmRecord[]> {
  const { plan, signature } = options;
  const own = await plan.warm.samples();
  const samples = own.length > 0 ? own : zeroSamples(signature);
  const runs = Math.max(RUNS_MIN, plan.warm.runs);
  const slots = Array.from({ length: plan.spec.slots }, (_, slot) => slot);
  const records: WarmRecord[] = [];
  const warm = async (sample: WarmSample, slot: number): Promise<void> => {
    const record = await warmOnce(engine, options, sample, slot);
    records.push(record);
    options.onRun?.(record);
  };
  for (const slot of slots) {
    for (const sample of samples) await times(runs, () => warm(sample, slot));
  }
  if (growsWithRunsAtOnce(plan)) {
    for (const sample of samples) await times(runs, () => allSettledWell(slots.map((slot) => warm(sample, slot))));
  }
  return records;
}

/**
 * On a GPU ONNX Runtime makes a stream, handles of cuBLAS and cuDNN and memory of the arena for each run at once, when there are so many for
 * the first time: in the warm-up, not in traffic.
 */
function growsWithRunsAtOnce({ spec: { backend, device, slots } }: PoolPlan): boolean {
  return backend === 'onnxruntime' && device !== 'cpu' && slots > 1;
}

async function times(count: number, work: () => Promise<void>): Promise<void> {
  for (let done = 0; done < count; done++) await work();
}

/** Waits for all, also when one has failed: a pool is not unloaded under runs that go on. */
async function allSettledWell(working: readonly Promise<void>[]): Promise<void> {
  for (const ended of await Promise.allSettled(working)) {
    if (ended.status === 'rejected') throw ended.reason;
  }
}

async function warmOnce(engine: EngineControl, options: WarmUpOptions, sample: WarmSample, slot: number): Promise<WarmRecord> {
  const { plan, clock, signature, deadlineMs } = options;
  const place = `warm-up of ${plan.function}'s model ${plan.binding} with ${sample.name} on slot ${slot}`;
  const startMs = clock.nowMs();
  let fault: string | undefined;
  try {
    const result = await engine.runOnSlot(plan.spec.key, slot, sample.inputs, { deadlineMs });
    fault = findFault(signature, sample, result.outputs);
  } catch (error) {
    throw new PilotlightError('WARMUP_FAILED', `${place}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (fault !== undefined) throw new PilotlightError('WARMUP_FAILED', `${place}: ${fault}`);
  return { slot, shape: describeShapes(sample.inputs), startMs, endMs: clock.nowMs() };
}
