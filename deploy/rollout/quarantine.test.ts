import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Quarantine } from './quarantine.ts';

const folder = mkdtempSync(join(tmpdir(), 'pilotlight-quarantine-'));
after(() => rmSync(folder, { recursive: true }));

const crash = (inRow: number) => ({ deathsInRow: inRow, lastDeath: { cause: 'was killed by SIGSEGV', by: 'fault', blamed: [], running: ['digits@1'], preparing: [] } }) as const;
const QUIET = { deathsInRow: 0, lastDeath: undefined };

test('a version is early, late after a death and never after the third in a row; a deploy lifts that', async () => {
  const file = join(folder, 'quarantine.json');
  const seen: string[] = [];
  for (const inRow of [1, 2, 3]) seen.push((await Quarantine.open(file, crash(inRow))).treatment('digits@1'));
  assert.deepEqual(seen, ['late', 'late', 'never']);
  const later = await Quarantine.open(file, QUIET);
  assert.deepEqual([later.treatment('digits@1'), later.treatment('digits@2'), later.added], ['never', 'early', []]);
  const refusal = later.refusal('digits@1');
  assert.deepEqual([refusal?.code, refusal?.status, refusal?.retryAfterS], ['QUARANTINED', 503, 60]);
  assert.match(refusal?.message ?? '', /digits@1 is quarantined: it was at work in each of the last 3 deaths of the host \(the host was killed by SIGSEGV\); deploy/);
  await later.lift('digit');
  assert.equal(later.treatment('digits@1'), 'never');
  await later.lift('digits');
  assert.deepEqual([later.treatment('digits@1'), later.refusal('digits@1')], ['early', undefined]);
  assert.equal((await Quarantine.open(file, QUIET)).treatment('digits@1'), 'early');
});

test('the start that quarantines says whom', async () => {
  const file = join(folder, 'added.json');
  for (const inRow of [1, 2]) assert.deepEqual((await Quarantine.open(file, crash(inRow))).added, []);
  assert.deepEqual((await Quarantine.open(file, crash(3))).added.map(({ label, deaths }) => [label, deaths]), [['digits@1', 3]]);
});

test('a damaged file accuses nobody, and one that cannot be written keeps no host down', async () => {
  const file = join(folder, 'damaged.json');
  for (const text of ['', '{', '{}', '[1, null, {"label": "digits@1"}]']) {
    writeFileSync(file, text);
    assert.equal((await Quarantine.open(file, QUIET)).treatment('digits@1'), 'early');
    assert.equal(readFileSync(file, 'utf8'), '[]');
  }
  assert.equal((await Quarantine.open(join(folder, 'nowhere', 'x.json'), crash(1))).treatment('digits@1'), 'late');
});
