import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitHeaders } from '../isolates/header-lines.ts';
import { readFields } from './request-fields.ts';

test('fields are found in any case and stay for the handler', () => {
  const raw = ['HOST', 'a', 'Content-Length', '3', 'Transfer-Encoding', 'chunked', 'TraceParent', 't', 'tracestate', 's', 'PILOTLIGHT-VERSION', 'v', 'Pilotlight-Key', 'k'];
  const fields = readFields(raw);
  assert.deepEqual(
    [fields.host, fields.contentLength, fields.isChunked, fields.traceparent, fields.tracestate, fields.version, fields.key],
    ['a', '3', true, 't', 's', 'v', 'k'],
  );
  assert.deepEqual(splitHeaders(fields.lines), raw);
});

test("a caller's warm-up mark and golden target never reach the handler", () => {
  const fields = readFields(['Pilotlight-Warmup', '1', 'A', 'b', 'PILOTLIGHT-GOLDEN-TARGET', 'x#0', 'pilotlight-warmup', '2']);
  assert.deepEqual(splitHeaders(fields.lines), ['A', 'b']);
  assert.equal(fields.goldenTarget, 'x#0');
});

test('two traceparents are none', () => {
  assert.equal(readFields(['traceparent', 'a', 'traceparent', 'b']).traceparent, '');
});
