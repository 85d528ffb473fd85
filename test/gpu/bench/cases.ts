// The benchmarks that need a GPU, in the order in which they run.
import { besideLoads } from './beside-loads.ts';
import { doubled } from './doubled.ts';
import { firstAfterDeploy } from './first-after-deploy.ts';
import type { GpuCase } from './gpu-case.ts';
import { ledger } from './ledger.ts';
import { sideBySide } from './side-by-side.ts';
import { slotsAndBatch } from './slots-and-batch.ts';
import { throughHttp } from './through-http.ts';

export const CASES: readonly GpuCase[] = [ledger, firstAfterDeploy, throughHttp, besideLoads, slotsAndBatch, sideBySide, doubled];
