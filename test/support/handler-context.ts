// The context of one request, for tests that call a handler without a host.
import type { HandlerContext } from '../../runtime/sdk.ts';

export function handlerContext(): HandlerContext {
  return {
    waitUntil: () => undefined,
    passThroughOnException: () => undefined,
    signal: new AbortController().signal,
    requestId: 'test-request',
    function: 'test',
    version: 'test@00000000',
    traceparent: '00-00000000000000000000000000000001-0000000000000001-01',
    span: async (_name, work) => await work(),
  };
}
