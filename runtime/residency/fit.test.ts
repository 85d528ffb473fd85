import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { planFit, type FitPlan, type FitSnapshot, type PresentPool, type WantedPool } from './fit.ts';

const want = (key: string, bytes: number, more: Partial<WantedPool> = {}): WantedPool => ({ key, device: 'cpu', binding: key.toUpperCase(), bytes, pinned: false, ...more });
const other = (key: string, bytes: number, more: Partial<PresentPool> = {}): PresentPool =>
  ({ key, name: `${key}'s model`, bytes, loadMs: bytes * 100, pinned: false, stays: true, ...more });
const own = (key: string, bytes: number, more: Partial<PresentPool> = {}): PresentPool => other(key, bytes, { stays: false, ...more });

const CASES: readonly (readonly [string, Partial<FitSnapshot>, FitPlan])[] = [
  ['no model always fits', {}, { kind: 'overlap' }],
  ['what is free is taken', { wanted: [want('a', 4)], freeBytes: 4 }, { kind: 'overlap' }],
  ['a pool that is there already needs nothing', { wanted: [want('a', 9)], present: [own('a', 9)], freeBytes: 1 }, { kind: 'overlap' }],
  ['others give way, the least valuable first', { wanted: [want('a', 4)], present: [other('b', 3), other('c', 5)], freeBytes: 2 }, { kind: 'evict', pools: ['b\'s model'] }],
  ['pinned others stay', { wanted: [want('a', 4)], present: [other('b', 3, { pinned: true }), other('c', 5)], freeBytes: 2 }, { kind: 'evict', pools: ['c\'s model'] }],
  ['what leaves goes when others are not enough, after the time that loads of its speed take', { wanted: [want('a', 6)], present: [own('b', 8)], freeBytes: 2 },
    { kind: 'drain first', pools: ['b\'s model'], gapMs: 600 }],
  ['what leaves goes before others, also what is pinned', { wanted: [want('a', 8)], present: [other('c', 2), own('b', 8, { pinned: true })] },
    { kind: 'drain first', pools: ['b\'s model'], gapMs: 800 }],
  ['others go too where what leaves is too little', { wanted: [want('a', 9)], present: [other('c', 5), own('b', 5)] },
    { kind: 'drain first', pools: ['b\'s model', 'c\'s model'], gapMs: 900 }],
  ['what a load took before is expected again', { wanted: [want('a', 6, { loadMs: 50 })], present: [own('b', 8)], freeBytes: 2 },
    { kind: 'drain first', pools: ['b\'s model'], gapMs: 50 }],
  ['no gap is promised where no load was measured', { wanted: [want('a', 6)], present: [own('b', 8, { loadMs: 0 })], freeBytes: 2 },
    { kind: 'drain first', pools: ['b\'s model'] }],
  ['versions of a split take turns', { wanted: [want('a', 6)], present: [other('b', 8)], freeBytes: 2 }, { kind: 'evict', pools: ['b\'s model'] }],
  ['a pinned version of a split that stays leaves too little', { wanted: [want('a', 6)], present: [other('b', 8, { pinned: true })], freeBytes: 2 },
    { kind: 'reject', what: 'A', device: 'cpu', needBytes: 6, haveBytes: 2, pinned: ['b\'s model'] }],
  ['larger than the device', { wanted: [want('a', 11)] }, { kind: 'reject', what: 'A', device: 'cpu', needBytes: 11, haveBytes: 10, pinned: [] }],
  ['larger than what pinned others leave', { wanted: [want('a', 6)], present: [other('b', 5, { pinned: true })], freeBytes: 5 },
    { kind: 'reject', what: 'A', device: 'cpu', needBytes: 6, haveBytes: 5, pinned: ['b\'s model'] }],
  ['pinned ones that do not fit together', { wanted: [want('a', 6, { pinned: true }), want('b', 5, { pinned: true })], freeBytes: 10 },
    { kind: 'reject', what: 'A, B', device: 'cpu', needBytes: 11, haveBytes: 10, pinned: [] }],
  ['two that take turns fit', { wanted: [want('a', 6), want('b', 5)], freeBytes: 10 }, { kind: 'evict', pools: [] }],
];

describe('fit', () => {
  for (const [title, snapshot, plan] of CASES) {
    test(title, () => assert.deepEqual(planFit({ device: 'cpu', wanted: [], present: [], budgetBytes: 10, freeBytes: 0, ...snapshot }), plan));
  }
});
