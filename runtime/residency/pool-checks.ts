// Tries resident pools now and then with a light run of their own, one pool at a time in the host, and has those rebuilt that
// fail it twice. A check is no use: it holds nothing, stamps nothing and is in no statistics of jobs.
import { randomBytes } from 'node:crypto';
import { backOffMs } from '../back-off.ts';
import type { Clock, Timer } from '../clock.ts';
import type { EngineControl, PoolStats } from '../engine/port.ts';
import { PilotlightError, describeThrown } from '../errors.ts';
import type { CheckRun, LoadRecord, RepairReason, RepairRecord } from '../records.ts';
import { findFault } from './check-outputs.ts';
import { failedInRow, nextCheck, type CheckedPool } from './check-policy.ts';
import type { PoolPlan } from './pool-plan.ts';
import { describePool, type Pool } from './pool.ts';
import { waitAtMost } from './wait-at-most.ts';
import { zeroSamples } from './warm-samples.ts';

export interface PoolChecksOptions {
  readonly engine: Pick<EngineControl, 'runOnSlot' | 'statsOf'>;
  readonly clock: Clock;
  /** 0: never. */
  readonly everyMs: number;
  readonly pools: ReadonlyMap<string, Pool>;
  /** Unloads the pool and loads it again, warmed by the plan. Never rejects. */
  readonly rebuild: (pool: Pool, plan: PoolPlan, fault: string) => Promise<Rebuilt>;
  readonly onRepair: (record: RepairRecord) => void;
  /** A check that was told to end has not ended: only a restart frees its thread. */
  readonly onHung: (reason: string) => void;
}

/** `held`: jobs or leases did not let it go. `gone`: it was unloaded for another reason meanwhile. */
export type Rebuilt =
  | { readonly outcome: 'rebuilt'; readonly load: LoadRecord }
  | { readonly outcome: 'failed'; readonly error: unknown }
  | { readonly outcome: 'held' | 'gone' };

/** What is known of a pool between two looks. */
interface Standing {
  /** Which load of the pool this is about. */
  loadedAtMs: number;
  provenMs: number;
  runs: number;
  failures: number;
  failedInRow: number;
  /** Slots take turns. */
  slot: number;
  repairsInRow: number;
  notBeforeMs: number;
}

interface Fault {
  readonly reason: RepairReason;
  readonly text: string;
}

/** `unknown`: nothing was found out, for a reason that is not the pool's. */
type Verdict = Fault | 'well' | 'unknown';

const NEVER_SEEN = { runs: 0, failures: 0, failedInRow: 0, slot: 0, repairsInRow: 0, notBeforeMs: 0 };

const LOOK_EVERY_MS = 2_000;
const LOOK_EVERY_MIN_MS = 50;
/** A run may take so much longer than the longest of the warm-up, and never less than the minimum: others may use the cores. */
const LIMIT_FACTOR = 10;
const LIMIT_MIN_MS = 10_000;
/** After the limit the run is told to end. One that still runs then hangs in native code. */
export const CHECK_GRACE_MS = 15_000;
/** After a check nothing is checked for so many times as long as it took: checks are at most a tenth of one slot's time. */
const REST_FACTOR = 9;

export class PoolChecks {
  readonly #options: PoolChecksOptions;
  readonly #standings = new Map<string, Standing>();
  #next: Timer | undefined;
  #isChecking = false;

  constructor(options: PoolChecksOptions) {
    this.#options = options;
  }

  /** After each load; nothing is looked at while nothing is resident. */
  wake(): void {
    const { everyMs } = this.#options;
    if (everyMs === 0 || this.#isChecking || this.#next !== undefined) return;
    this.#arm(lookMs(everyMs));
  }

  #arm(delayMs: number): void {
    this.#next = this.#options.clock.after(delayMs, () => {
      this.#next = undefined;
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    const { clock, everyMs, engine, pools } = this.#options;
    const settled = [...pools.values()].filter(isSettled);
    if (settled.length === 0) return;
    const stats = settled.map(({ key: one }) => engine.statsOf(one));
    const key = nextCheck({ nowMs: clock.nowMs(), everyMs, pools: this.#candidates(stats), waiting: stats.reduce((sum, { waiting }) => sum + waiting, 0) });
    const pool = key === undefined ? undefined : pools.get(key);
    const standing = key === undefined ? undefined : this.#standings.get(key);
    const checks: CheckRun[] = [];
    if (pool !== undefined && standing !== undefined) {
      this.#isChecking = true;
      await this.#check(pool, standing, checks);
      this.#isChecking = false;
    }
    const tookMs = checks.reduce((sum, check) => sum + check.endMs - check.startMs, 0);
    this.#arm(Math.max(lookMs(everyMs), REST_FACTOR * tookMs));
  }

  #candidates(stats: readonly PoolStats[]): readonly CheckedPool[] {
    const { pools } = this.#options;
    for (const key of this.#standings.keys()) if (!pools.has(key)) this.#standings.delete(key);
    return stats.flatMap((one) => {
      const pool = pools.get(one.key);
      if (pool === undefined) return [];
      const { provenMs, failedInRow: failed, notBeforeMs } = this.#seen(pool, one);
      return [{ key: one.key, provenMs, usedMs: one.lastUsedMs, jobs: one.busy + one.waiting, failedInRow: failed, notBeforeMs }];
    });
  }

  #seen(pool: Pool, { runs, failures }: PoolStats): Standing {
    const { loadedAtMs } = pool;
    const standing = this.#standings.get(pool.key) ?? { loadedAtMs, provenMs: loadedAtMs, ...NEVER_SEEN };
    if (standing.loadedAtMs !== loadedAtMs) Object.assign(standing, { loadedAtMs, provenMs: loadedAtMs, failedInRow: 0 });
    standing.failedInRow = failedInRow(standing.failedInRow, standing, { runs, failures });
    Object.assign(standing, { runs, failures });
    this.#standings.set(pool.key, standing);
    return standing;
  }

  async #check(pool: Pool, standing: Standing, checks: CheckRun[]): Promise<void> {
    const { clock, rebuild, onRepair } = this.#options;
    const plan = provenPlan(pool);
    const { loadedAtMs } = pool;
    const isSame = (): boolean => isSettled(pool) && pool.loadedAtMs === loadedAtMs;
    const startMs = clock.nowMs();
    const slot = standing.slot % (plan?.spec.slots ?? 1);
    standing.slot = slot + 1;
    const first = plan === undefined ? 'unknown' : await this.#run(pool, plan, slot, checks);
    standing.provenMs = clock.nowMs();
    standing.failedInRow = 0;
    if (plan === undefined || first === 'unknown' || !isSame()) return;
    if (first === 'well') {
      standing.repairsInRow = 0;
      return;
    }
    const { function: name, binding } = plan;
    const told = { repairId: randomBytes(8).toString('hex'), pool: pool.key, function: name, binding, reason: first.reason, fault: first.text, startMs, checks };
    const second = await this.#run(pool, plan, slot, checks);
    if (!isSame()) return;
    if (typeof second === 'string') return onRepair({ ...told, outcome: 'passed', endMs: clock.nowMs() });
    const rebuilt = await rebuild(pool, plan, second.text);
    standing.repairsInRow++;
    standing.notBeforeMs = clock.nowMs() + backOffMs(standing.repairsInRow);
    if (rebuilt.outcome !== 'gone') onRepair({ ...told, ...resultOf(rebuilt), endMs: clock.nowMs() });
  }

  async #run(pool: Pool, plan: PoolPlan, slot: number, checks: CheckRun[]): Promise<Verdict> {
    const { engine, clock, onHung } = this.#options;
    const sample = await firstSample(pool, plan);
    if (sample === undefined || pool.signature === undefined) return 'unknown';
    const startMs = clock.nowMs();
    const limitMs = Math.max(LIMIT_MIN_MS, LIMIT_FACTOR * pool.warmRunMs);
    const hung = (): Error => new PilotlightError('DEADLINE', `it did not end within ${Math.round(limitMs + CHECK_GRACE_MS)} ms, though it was told to`);
    let verdict: Verdict;
    try {
      const running = engine.runOnSlot(pool.key, slot, sample.inputs, { deadlineMs: startMs + limitMs });
      const { outputs } = await waitAtMost(running, {
        clock, limitMs: limitMs + CHECK_GRACE_MS, late: () => {
          const error = hung();
          onHung(`checked ${describePool(pool)} on slot ${slot}: ${error.message}, and its thread cannot be stopped`);
          return error;
        },
      });
      const text = findFault(pool.signature, sample, outputs);
      verdict = text === undefined ? 'well' : { reason: 'wrong', text };
    } catch (error) {
      verdict = judge(error);
    }
    checks.push({ slot, startMs, endMs: clock.nowMs(), ...(typeof verdict === 'string' ? {} : { fault: verdict.text }) });
    return verdict;
  }
}

function lookMs(everyMs: number): number {
  return Math.max(LOOK_EVERY_MIN_MS, Math.min(LOOK_EVERY_MS, everyMs));
}

/** Resident, and nobody is about to unload it. */
function isSettled(pool: Pool): boolean {
  return pool.state === 'resident' && pool.unload === undefined;
}

/** Newest first, of those whose samples the pool was warmed with: another one's may be at fault themselves. */
function provenPlan({ plans, warmedWith }: Pool): PoolPlan | undefined {
  return [...plans.values()].findLast(({ warm }) => warmedWith.has(warm.id));
}

/** None where it cannot be read any more: that says nothing of the pool. */
async function firstSample({ signature }: Pool, { warm }: PoolPlan) {
  if (signature === undefined) return undefined;
  try {
    return (await warm.samples(1))[0] ?? zeroSamples(signature)[0];
  } catch {
    return undefined;
  }
}

function judge(error: unknown): Verdict {
  const code = error instanceof PilotlightError ? error.code : undefined;
  // Memory is short elsewhere: loading the model again would take more of it.
  if (code === 'NO_MEMORY') return 'unknown';
  return { reason: code === 'DEADLINE' ? 'late' : 'failed', text: describeThrown(error) };
}

function resultOf(rebuilt: Rebuilt): Pick<RepairRecord, 'outcome' | 'load' | 'errorMessage'> {
  if (rebuilt.outcome === 'failed') return { outcome: 'failed', errorMessage: describeThrown(rebuilt.error) };
  if (rebuilt.outcome === 'rebuilt') return rebuilt;
  return { outcome: 'held' };
}
