import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostDeath } from '../../runtime/supervisor/messages.ts';
import { judge, type Suspect } from './blame.ts';

const fault = (running: readonly string[], preparing: readonly string[] = []): HostDeath => ({ cause: 'was killed by SIGSEGV', by: 'fault', blamed: [], running, preparing });
const other = (running: readonly string[], preparing: readonly string[] = []): HostDeath => ({ ...fault(running, preparing), by: 'other' });

/** `a1` is a suspect of one death, `A3` is quarantined for three. */
const suspects = (text: string): Suspect[] => text.split(' ').filter((word) => word !== '').map((word) =>
  ({ label: word[0]?.toLowerCase() ?? '', state: /[A-Z]/.test(word) ? 'quarantined' : 'suspect', deaths: Number(word.slice(1)), cause: 'was killed by SIGSEGV' }));
const brief = (found: readonly Suspect[]): string =>
  found.map(({ label, state, deaths }) => `${state === 'quarantined' ? label.toUpperCase() : label}${deaths}`).join(' ');

test('each death has its suspects', () => {
  const table: { before?: string; death: HostDeath | undefined; inRow?: number; then: string }[] = [
    // The first host of a supervisor.
    { death: undefined, then: '' },
    { before: 'a2 B3', death: undefined, inRow: 0, then: 'B3' },
    // One death makes suspects of all who were at work.
    { death: fault([]), then: '' },
    { death: fault(['a']), then: 'a1' },
    { death: fault(['a', 'b'], ['c']), then: 'a1 b1 c1' },
    { death: fault(['a', 'c'], ['c']), then: 'a1 c1' },
    // Only deaths in a row add up, and only for whom each of them names.
    { before: 'a1', death: fault(['a']), inRow: 2, then: 'a2' },
    { before: 'a2', death: fault(['a']), inRow: 1, then: 'a1' },
    { before: 'a2', death: fault(['b']), inRow: 3, then: 'b1' },
    { before: 'a2', death: fault([]), inRow: 3, then: '' },
    // The third in a row is one too many.
    { before: 'a2', death: fault(['a']), inRow: 3, then: 'A3' },
    { before: 'a2', death: fault([], ['a']), inRow: 3, then: 'A3' },
    // Of several the one that was being prepared, or else the one that began last; the other is next if it goes on.
    { before: 'a2 b2', death: fault(['a', 'b']), inRow: 3, then: 'a3 B3' },
    { before: 'a2 b2', death: fault(['a'], ['b']), inRow: 3, then: 'a3 B3' },
    { before: 'a2 b2', death: fault(['b'], ['a']), inRow: 3, then: 'b3 A3' },
    { before: 'a2 b1', death: fault(['a', 'b']), inRow: 3, then: 'A3 b2' },
    { before: 'a3 B3', death: fault(['a']), inRow: 4, then: 'B3 A4' },
    // What the work record names clears the others.
    { before: 'a2 b2', death: { ...fault(['a', 'c'], ['c']), blamed: ['b'] }, inRow: 3, then: 'B3' },
    // Quarantine lasts, whatever comes.
    { before: 'A3', death: fault(['b']), inRow: 1, then: 'A3 b1' },
    { before: 'A3', death: fault(['a']), inRow: 4, then: 'A3' },
    // kill -9, a lost device: nobody's requests did that, but a load may have.
    { death: other(['a']), then: '' },
    { death: other(['a'], ['b']), then: 'b1' },
    { before: 'a2', death: other(['a']), inRow: 3, then: '' },
  ];
  for (const { before = '', death, inRow = 1, then } of table) {
    assert.equal(brief(judge(suspects(before), { lastDeath: death, deathsInRow: inRow })), then, `${before} after ${JSON.stringify(death)}, ${inRow} in a row`);
  }
});
