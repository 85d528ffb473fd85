// Memory of a device that somebody else takes, on the real native core with a simulated GPU: loads fail cleanly while it lasts.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { realClock } from '../../runtime/clock.ts';
import { NativeEngine } from '../../runtime/engine/native-engine.ts';
import type { DeviceName } from '../../runtime/engine/port.ts';
import type { PilotlightError } from '../../runtime/errors.ts';
import type { LoadRecord } from '../../runtime/records.ts';
import { PoolResidency, type Ensured } from '../../runtime/residency/residency.ts';
import { fakeModel } from '../support/function-folder.ts';

const MIB = 2 ** 20;
const TOTAL_BYTES = 100 * MIB;

const folder = mkdtempSync(join(tmpdir(), 'pilotlight-taken-'));
after(() => rmSync(folder, { recursive: true }));

/** As another process would: from now on so much of the GPU is taken. */
function take(takenBytes: number): NativeEngine {
  return new NativeEngine({ simulatedDevices: [{ device: 'gpu:0', totalBytes: TOTAL_BYTES, takenBytes }] });
}

function setUp() {
  const engine = take(0);
  const loads: LoadRecord[] = [];
  const residency = new PoolResidency({
    engine, clock: realClock, loadWaitersMax: 100, loadTimeoutMs: 60_000, residencyMinMs: 0, onLoad: (record) => loads.push(record),
    devices: [{ device: 'gpu:0', budgetBytes: TOTAL_BYTES }, { device: 'cpu', budgetBytes: TOTAL_BYTES }],
  });
  const declare = (key: string, device: DeviceName, kind: 'lru' | 'pinned' = 'lru'): void => {
    const path = join(folder, `${key}.fake`);
    writeFileSync(path, fakeModel([`# ${key}`, `device-bytes ${30 * MIB}`]));
    const spec = { key, backend: 'fake', path, device, slots: 1, threads: 1, queue: { max: 1, timeoutMs: 1000 } } as const;
    residency.declare(`${key}@1`, [{ spec, function: key, binding: 'M', residency: kind, bytes: 30 * MIB, warm: { id: 'zeros', runs: 2, samples: async () => [] } }]);
  };
  const ask = (key: string): Promise<Ensured> => residency.ensure(key, { reason: 'request', function: key, binding: 'M' });
  const freeBytes = (): number | undefined => residency.devices().find(({ device }) => device === 'gpu:0')?.freeBytes;
  return { residency, loads, declare, ask, freeBytes };
}

test('fault 31: memory taken by somebody else fails a load with need and have, for all who wait, by one try, and harms no other; when it is back the next request loads', async () => {
  const { residency, loads, declare, ask, freeBytes } = setUp();
  declare('victim', 'gpu:0');
  declare('there', 'gpu:0', 'pinned');
  declare('other', 'cpu');
  await ask('there');
  const before = freeBytes();
  take(60 * MIB);
  const asked = await Promise.allSettled(Array.from({ length: 20 }, () => ask('victim')));
  for (const one of asked) {
    assert.equal(one.status, 'rejected');
    const { code, status, retryAfterS, message } = (one as PromiseRejectedResult).reason as PilotlightError;
    assert.deepEqual([code, status, retryAfterS], ['NO_MEMORY', 503, 1]);
    assert.match(message, /victim's model M needs about 30\.0 MiB on gpu:0, which its budget allows, but 10\.0 MiB are free there: others than this host's models/);
  }
  assert.deepEqual([loads.length, loads[1]?.errorCode, freeBytes()], [2, 'NO_MEMORY', before], 'one try, and its promise is given back');
  assert.deepEqual([(await ask('there')).start, (await ask('other')).start], ['warm', 'cold']);
  await assert.rejects(ask('victim'), { code: 'NO_MEMORY' }, 'tried again: it is no fault of the model to back off from');
  take(0);
  assert.equal((await ask('victim')).start, 'cold');
  await Promise.all(['victim', 'there', 'other'].map((key) => residency.forget(`${key}@1`)));
  assert.equal(freeBytes(), TOTAL_BYTES);
});
