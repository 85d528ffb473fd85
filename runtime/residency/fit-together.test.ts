import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fitTogether } from './fit-together.ts';
import type { FitPlan } from './fit.ts';

const OVERLAP: FitPlan = { kind: 'overlap' };
const EVICT: FitPlan = { kind: 'evict', pools: ['a'] };
const DRAIN: FitPlan = { kind: 'drain first', pools: ['b'], gapMs: 5 };
const REJECT: FitPlan = { kind: 'reject', what: 'M', device: 'gpu:0', needBytes: 2, haveBytes: 1, pinned: [] };

const CASES: readonly (readonly [string, readonly FitPlan[], FitPlan])[] = [
  ['no device', [], OVERLAP],
  ['room on all', [OVERLAP, OVERLAP], OVERLAP],
  ['one that gives up pools', [OVERLAP, EVICT], EVICT],
  ['one that drains first beside one that gives up pools', [EVICT, DRAIN], { kind: 'drain first', pools: ['a', 'b'], gapMs: 5 }],
  ['two that drain first wait for the slower', [DRAIN, { kind: 'drain first', pools: ['c'], gapMs: 9 }], { kind: 'drain first', pools: ['b', 'c'], gapMs: 9 }],
  ['a wait of which nothing is known', [DRAIN, { kind: 'drain first', pools: ['c'] }], { kind: 'drain first', pools: ['b', 'c'] }],
  ['one that refuses', [OVERLAP, DRAIN, REJECT], REJECT],
];

describe('fit of several devices', () => {
  for (const [title, plans, together] of CASES) test(title, () => assert.deepEqual(fitTogether(plans), together));
});
