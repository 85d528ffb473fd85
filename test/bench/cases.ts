// All benchmarks, in the order in which they run.
import { churn } from './churn.ts';
import { churnReal } from './churn-real.ts';
import { completion } from './completion.ts';
import { firstRequest } from './first-request.ts';
import { hop } from './hop.ts';
import { isolation } from './isolation.ts';
import { leak } from './leak.ts';
import { loadBeside } from './load-beside.ts';
import type { BenchCase } from './measure.ts';
import { redeploy } from './redeploy.ts';
import { restart } from './restart.ts';
import { scale } from './scale.ts';
import { slotsMemory } from './slots-memory.ts';
import { smallModel } from './small-model.ts';
import { stampede } from './stampede.ts';
import { throughputHeavy } from './throughput-heavy.ts';
import { warmWay } from './warm-way.ts';

export const CASES: readonly BenchCase[] = [
  throughputHeavy, isolation, hop, smallModel, firstRequest, redeploy, slotsMemory, completion, restart,
  stampede, loadBeside, warmWay, leak, scale, churn, churnReal,
];
