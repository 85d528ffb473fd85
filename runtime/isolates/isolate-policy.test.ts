import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextActions, type IsolateAsk, type IsolatesSnapshot, type IsolateView, type VersionView } from './isolate-policy.ts';

const isolate = (id: number, more: Partial<IsolateView> = {}): IsolateView => ({ id, role: 'serving', inFlight: 0, lastUsedMs: 0, ...more });
const version = (name: string, more: Partial<VersionView> = {}): VersionView => ({
  key: `${name}@1`, function: name, isolates: [], starting: 0, ending: 0, ask: undefined, phase: 'in-use', ...more,
});
const ask = (kind: IsolateAsk['kind'], more: Partial<IsolateAsk> = {}): IsolateAsk => ({ kind, count: 1, sinceMs: 0, patienceMs: 1000, ...more });
const spare = (id: number, more: Partial<IsolateView> = {}): IsolateView => isolate(id, { role: 'spare', ...more });

const CASES: readonly { readonly what: string; readonly given: Partial<IsolatesSnapshot>; readonly does: readonly string[] }[] = [
  { what: 'nothing is asked for and nothing is idle', given: { versions: [version('a', { isolates: [isolate(1, { lastUsedMs: 950 })] })] }, does: [] },
  { what: 'an idle isolate stops, one that was used stays, and so does the spare', does: ['stop 1 idle'],
    given: { versions: [version('a', { isolates: [isolate(1), isolate(2, { lastUsedMs: 950 }), spare(3)] })] } },
  { what: 'the spare goes with the last', given: { versions: [version('a', { isolates: [isolate(1), spare(2, { lastUsedMs: 990 })] })] }, does: ['stop 1 idle', 'stop 2 idle'] },
  { what: 'one with a request in flight stays, however long', given: { versions: [version('a', { isolates: [isolate(1, { inFlight: 1 }), spare(2)] })] }, does: [] },
  { what: 'isolateIdleMs 0 means never', given: { isolateIdleMs: 0, versions: [version('a', { isolates: [isolate(1)] })] }, does: [] },
  { what: 'a version that starts one is not idle', given: { versions: [version('a', { isolates: [isolate(1)], starting: 1 })] }, does: [] },
  { what: 'a version that is being proven keeps all', given: { isolatesMax: 1, versions: [version('a', { isolates: [isolate(1)], phase: 'proving' })] }, does: [] },
  { what: 'a version that is being proven makes no room', does: [],
    given: { isolatesMax: 1, nowMs: 999, versions: [version('a', { isolates: [isolate(1)], phase: 'proving' }), version('c', { ask: ask('place') })] } },
  { what: 'there is room', given: { versions: [version('a', { ask: ask('place') })] }, does: ['start a@1'] },
  { what: 'a deploy takes all of its isolates at once', given: { isolatesMax: 3, versions: [version('a', { ask: ask('deploy', { count: 3 }) })] }, does: ['start a@1'] },
  { what: 'more than the host may ever have', given: { isolatesMax: 2, versions: [version('a', { ask: ask('deploy', { count: 3 }) })] }, does: ['refuse a@1 never'] },
  { what: 'the least recently used isolate of another function makes room', does: ['stop 2 room'],
    given: { isolatesMax: 2, isolateIdleMs: 0, versions: [
      version('a', { isolates: [isolate(1, { lastUsedMs: 20 })] }), version('b', { isolates: [isolate(2, { lastUsedMs: 10 })] }), version('c', { ask: ask('place') }),
    ] } },
  { what: 'of a version its spare goes before its last isolate', does: ['stop 2 room'],
    given: { isolatesMax: 2, isolateIdleMs: 0, versions: [version('a', { isolates: [isolate(1, { lastUsedMs: 20 }), spare(2, { lastUsedMs: 21 })] }), version('c', { ask: ask('place') })] } },
  { what: 'the asker\'s own isolates, and those of its other versions, make no room', does: [],
    given: { isolatesMax: 1, isolateIdleMs: 0, nowMs: 10, versions: [version('c', { key: 'c@0', isolates: [isolate(1)] }), version('c', { ask: ask('place') })] } },
  { what: 'a deploy takes from the version that it replaces, after all others', does: ['stop 2 room', 'stop 1 room'],
    given: { isolatesMax: 2, isolateIdleMs: 0, versions: [
      version('c', { key: 'c@0', isolates: [isolate(1)] }), version('a', { isolates: [isolate(2, { lastUsedMs: 5 })] }), version('c', { ask: ask('deploy', { count: 2 }) }),
    ] } },
  { what: 'a busy isolate makes no room: the ask waits', does: [],
    given: { isolatesMax: 1, nowMs: 999, versions: [version('a', { isolates: [isolate(1, { inFlight: 1 })] }), version('c', { ask: ask('place') })] } },
  { what: 'until its patience ends', does: ['refuse c@1 late'],
    given: { isolatesMax: 1, versions: [version('a', { isolates: [isolate(1, { inFlight: 1 })] }), version('c', { ask: ask('place') })] } },
  { what: 'a thread that is about to end is waited for, and nobody is stopped beside it', does: [],
    given: { isolatesMax: 2, isolateIdleMs: 0, versions: [version('a', { isolates: [isolate(1)], ending: 1 }), version('c', { ask: ask('place') })] } },
  { what: 'two asks stop two', does: ['stop 1 room', 'stop 2 room'],
    given: { isolatesMax: 2, isolateIdleMs: 0, versions: [
      version('a', { isolates: [isolate(1)] }), version('b', { isolates: [isolate(2, { lastUsedMs: 1 })] }), version('c', { ask: ask('place') }), version('d', { ask: ask('place') }),
    ] } },
  { what: 'who has waited longest comes first', does: ['start d@1'],
    given: { isolatesMax: 1, versions: [version('c', { ask: ask('place', { sinceMs: 900 }) }), version('d', { ask: ask('place', { sinceMs: 800 }) })] } },
  { what: 'a spare comes last, and stops nobody', does: ['start c@1'],
    given: { isolatesMax: 2, isolateIdleMs: 0, versions: [
      version('a', { isolates: [isolate(1)], ask: ask('spare') }), version('c', { ask: ask('place', { sinceMs: 900 }) }),
    ] } },
  { what: 'a large ask keeps what is free from those behind it', does: [],
    given: { isolatesMax: 3, nowMs: 500, versions: [
      version('a', { isolates: [isolate(1, { inFlight: 1, lastUsedMs: 500 })] }), version('b', { ask: ask('deploy', { count: 3 }) }), version('c', { ask: ask('place', { sinceMs: 1 }) }),
    ] } },
];

for (const { what, given, does } of CASES) {
  test(`isolates: ${what}`, () => {
    const actions = nextActions({ nowMs: 1000, isolateIdleMs: 100, isolatesMax: 100, versions: [], ...given });
    const told = actions.map((action) => {
      if (action.act === 'stop') return `stop ${action.isolate} ${action.why}`;
      return action.act === 'start' ? `start ${action.key}` : `refuse ${action.key} ${action.why}`;
    });
    assert.deepEqual(told, does);
  });
}
