import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { planHead } from '../../test/support/plan-files.ts';
import { readPlanVersion } from './plan-header.ts';

test('a plan tells which TensorRT built it, and what is none is refused with its path and the reason', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'plan-header-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = async (name: string, content: Uint8Array | string): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  assert.equal(await readPlanVersion(await file('real.plan', Buffer.concat([planHead(), Buffer.from('the rest')]))), '10.6.0.26');
  const unknown = planHead();
  unknown[4] = 1;
  assert.equal(await readPlanVersion(await file('unknown.plan', unknown)), undefined);
  await assert.rejects(readPlanVersion(await file('short.plan', planHead().subarray(0, 20))), { code: 'BAD_MODEL', message: /short\.plan: is too short for a TensorRT plan/ });
  await assert.rejects(readPlanVersion(await file('m.onnx', '\x08\x07 an ONNX file begins otherwise')), { code: 'BAD_MODEL', message: /m\.onnx: is no TensorRT plan/ });
  await assert.rejects(readPlanVersion(join(folder, 'none.plan')), { code: 'BAD_MODEL', message: /none\.plan: cannot be read: ENOENT/ });
});
