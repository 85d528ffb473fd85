import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FitPlan } from '../../runtime/residency/fit.ts';
import { describeFit } from './fit-plan.ts';

const CASES: readonly (readonly [FitPlan, string])[] = [
  [{ kind: 'overlap' }, 'overlap: old and new side by side'],
  [{ kind: 'evict', pools: ['a\'s model M', 'b\'s model M'] }, 'evict: old and new side by side, in the room of a\'s model M, b\'s model M'],
  [{ kind: 'evict', pools: [] }, 'evict: the models take turns, each in the room of the others'],
  [{ kind: 'drain first', pools: ['a\'s model M'], gapMs: 812 }, 'drain first: a\'s model M given up before the new models are loaded; callers wait meanwhile, about 812 ms'],
  [{ kind: 'drain first', pools: ['a\'s model M'], gapMs: 8123 }, 'drain first: a\'s model M given up before the new models are loaded; callers wait meanwhile, about 8.1 s'],
  [{ kind: 'drain first', pools: ['a\'s model M'] },
    'drain first: a\'s model M given up before the new models are loaded; callers wait meanwhile, for a time that is not known: nothing like them was loaded yet'],
  [{ kind: 'reject', what: 'M', device: 'gpu:1', needBytes: 3 * 2 ** 20, haveBytes: 2 ** 20, pinned: [] }, 'reject: M needs 3.0 MiB and may have 1.0 MiB on gpu:1'],
  [{ kind: 'reject', what: 'M', device: 'gpu:1', needBytes: 3 * 2 ** 20, haveBytes: 2 ** 20, pinned: ['a\'s model M'] },
    'reject: M needs 3.0 MiB and may have 1.0 MiB on gpu:1 beside what is pinned: a\'s model M'],
];

for (const [fit, text] of CASES) test(text, () => assert.equal(describeFit(fit), text));
