import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinHeaders, splitHeaders } from './header-lines.ts';
import {
  pushAbort, pushAborted, pushAnswer, pushChunk, pushCredit, pushEnd, pushFail, pushHead, pushRequest, readForIngress, readForIsolate,
  STREAMED, TRANSFER_BYTES_MIN, type IngressSide, type IsolateSide, type WordSink,
} from './protocol.ts';

/** Notes every call as a list of name and arguments. */
function listener<Side extends object>(calls: unknown[][]): Side {
  return new Proxy({}, { get: (_, name) => (...values: unknown[]) => calls.push([name, ...values]) }) as Side;
}
const sink = (): WordSink => ({ words: [], transfers: [] });

test('what an ingress thread says reaches an isolate as it was said, word after word', () => {
  const out = sink();
  const request = { id: 7, method: 'POST', url: 'http://h/', headers: 'a\nb', requestId: 'r', traceparent: 't', deadlineMs: 1.5, body: STREAMED } as const;
  const bytes = new ArrayBuffer(3);
  pushRequest(out, request);
  pushChunk(out, 7, bytes);
  pushEnd(out, 7);
  pushCredit(out, 7, 99);
  pushAbort(out, 7, 'DEADLINE');
  const calls: unknown[][] = [];
  readForIsolate(out.words, listener<IsolateSide>(calls));
  assert.deepEqual(calls, [['request', request], ['chunk', 7, bytes], ['end', 7], ['credit', 7, 99], ['abort', 7, 'DEADLINE']]);
});

test('what an isolate says reaches an ingress thread as it was said, word after word', () => {
  const out = sink();
  const times = { startMs: 1, endMs: 2, details: { runs: [], spans: [] } };
  const head = { status: 200, headers: 'a\nb', times };
  const bare = { startMs: 3, endMs: 4, details: undefined };
  pushAnswer(out, 1, head, 'text');
  pushHead(out, 2, head);
  pushChunk(out, 2, new ArrayBuffer(1));
  pushEnd(out, 2, times.details);
  pushFail(out, 3, { code: 'QUEUE_FULL', message: 'm', retryAfterS: 2 }, bare);
  pushFail(out, 4, { code: 'HANDLER_FAILED', message: 'm' }, bare);
  pushCredit(out, 5, 6);
  pushAborted(out, 6);
  const calls: unknown[][] = [];
  readForIngress(out.words, listener<IngressSide>(calls));
  assert.deepEqual(calls, [
    ['answer', 1, head, 'text'], ['head', 2, head], ['chunk', 2, new ArrayBuffer(1)], ['end', 2, times.details],
    ['fail', 3, { code: 'QUEUE_FULL', message: 'm', retryAfterS: 2 }, bare], ['fail', 4, { code: 'HANDLER_FAILED', message: 'm' }, bare],
    ['credit', 5, 6], ['aborted', 6],
  ]);
});

test('large buffers change owner, small ones are copied', () => {
  const out = sink();
  const large = new ArrayBuffer(TRANSFER_BYTES_MIN);
  pushChunk(out, 1, new ArrayBuffer(TRANSFER_BYTES_MIN - 1));
  pushChunk(out, 1, large);
  assert.deepEqual(out.transfers, [large]);
});

test('headers survive the way as one string, empty values too', () => {
  for (const flat of [[], ['a', ''], ['', ''], ['a', 'b', 'c', '']]) assert.deepEqual(splitHeaders(joinHeaders(flat)), flat);
});
