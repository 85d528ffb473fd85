import assert from 'node:assert/strict';
import { test } from 'node:test';
import { continueTrace, formatTraceparent, RequestIds } from './trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

test('a valid traceparent is continued with a span of its own', () => {
  const header = `00-${TRACE}-${PARENT}-01`;
  const context = continueTrace(header, 'vendor=1', 0);
  assert.equal(context.traceId, TRACE);
  assert.notEqual(context.spanId, PARENT);
  assert.equal(context.sampled, true);
  assert.equal(context.traceparent, header);
  assert.equal(context.tracestate, 'vendor=1');
  assert.equal(formatTraceparent(context), `00-${TRACE}-${context.spanId}-01`);
});

test("the caller's decision not to sample stands", () => {
  assert.equal(continueTrace(`00-${TRACE}-${PARENT}-00`, undefined, 1).sampled, false);
});

test('fault 58: a malformed or huge traceparent or tracestate is ignored and a new trace begins', () => {
  const wrong = [
    '', 'x', `00-${TRACE}-${PARENT}`, `00-${TRACE}-${PARENT}-1`, `00-${TRACE.toUpperCase()}-${PARENT}-01`, `ff-${TRACE}-${PARENT}-01`,
    `01-${TRACE}-${PARENT}-01-extra`, `00-${'0'.repeat(32)}-${PARENT}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`, ` 00-${TRACE}-${PARENT}-01`,
    `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`, 'a'.repeat(16_000),
  ];
  for (const header of wrong) {
    const context = continueTrace(header, 'vendor=1', 0);
    assert.notEqual(context.traceId, TRACE, header.slice(0, 80));
    assert.equal(context.traceparent, undefined);
    assert.equal(context.tracestate, undefined);
  }
  assert.equal(continueTrace(`00-${TRACE}-${PARENT}-01`, 'v='.padEnd(513, 'x'), 0).tracestate, undefined);
  assert.equal(continueTrace(`00-${TRACE}-${PARENT}-01`, 'a=\u0001', 0).tracestate, undefined);
});

test('new traces are sampled by the ratio', () => {
  assert.equal(continueTrace(undefined, undefined, 0).sampled, false);
  assert.equal(continueTrace(undefined, undefined, 1).sampled, true);
});

test('ids do not repeat, in one thread nor between two', () => {
  const one = new RequestIds();
  const other = new RequestIds();
  const ids = Array.from({ length: 5000 }, (_, count) => (count % 2 === 0 ? one : other).next());
  assert.equal(new Set(ids).size, ids.length);
  const traces = Array.from({ length: 5000 }, () => continueTrace(undefined, undefined, 0));
  assert.equal(new Set(traces.flatMap(({ traceId, spanId }) => [traceId, spanId])).size, 10_000);
  assert.ok(traces.every(({ traceId, spanId }) => /^[0-9a-f]{32}$/.test(traceId) && /^[0-9a-f]{16}$/.test(spanId)));
});
