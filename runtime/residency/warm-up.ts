// Warms a loaded pool before it opens: every sample on every slot by itself, until no first time is left
// for traffic to meet. It never opens the pool and never leaves it half judged: the first fault ends it.
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
  const records: WarmRecord[] = [];
  for (let slot = 0; slot < plan.spec.slots; slot++) {
    for (const sample of samples) {
      for (let run = 0; run < Math.max(RUNS_MIN, plan.warm.runs); run++) {
        const record = await warmOnce(engine, options, sample, slot);
        records.push(record);
        options.onRun?.(record);
      }
    }
  }
  return records;
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
