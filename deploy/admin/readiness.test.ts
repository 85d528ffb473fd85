import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readinessOf, type Readiness, type ReadinessSnapshot } from './readiness.ts';

const WELL: ReadinessSnapshot = { serving: 1, notRestored: [], lost: [], notStarted: [], troubles: [] };
const lost = { label: 'digits@1', error: { code: 'BAD_BUNDLE', message: 'its manifest is damaged' } } as const;

const CASES: readonly (readonly [what: string, snapshot: Partial<ReadinessSnapshot>, told: Readiness])[] = [
  ['what is neither loaded nor started is ready: the next request is cold', {}, { ready: true }],
  ['a quarantined function is not, until somebody does something', { refusal: { message: 'it is quarantined' } }, { ready: false, reason: 'it is quarantined' }],
  ['one that was not restored is not', { serving: 0, notRestored: [lost] },
    { ready: false, reason: 'digits@1 could not be started again (BAD_BUNDLE: its manifest is damaged); deploy it again' }],
  ['a split without one of its versions is, and says so', { notRestored: [lost] },
    { ready: true, reason: 'digits@1 could not be started again (BAD_BUNDLE: its manifest is damaged); deploy it again; the others have its share' }],
  ['fault 36: one whose GPU is gone is not, until the next restart', { lost: [{ code: 'DEVICE_LOST', message: 'the GPU is gone' }] },
    { ready: false, reason: 'DEVICE_LOST: the GPU is gone' }],
  ['one whose isolates cannot start is not, until their back-off ends', { notStarted: [{ error: { code: 'LOAD_FAILED', message: 'the import threw' }, retryInMs: 1001 }] },
    { ready: false, reason: 'the import threw', retryInS: 2 }],
  ['one whose model failed to load is not, and the longest wait counts',
    { troubles: [{ message: 'a', retryInMs: 10 }, { message: 'b', retryInMs: 9000 }] }, { ready: false, reason: 'b', retryInS: 9 }],
  ['a back-off that has ended leaves it to the next request', { troubles: [{ message: 'a', retryInMs: 0 }] }, { ready: false, reason: 'a', retryInS: 0 }],
  ['a model that is being repaired, or never fits, has no time', { troubles: [{ message: 'a', retryInMs: 10 }, { message: 'b' }] }, { ready: false, reason: 'b' }],
];

for (const [what, snapshot, told] of CASES) test(what, () => assert.deepEqual(readinessOf({ ...WELL, ...snapshot }), told));
