// The global names that a Workers module expects (the WinterTC list) and Node lacks, and our Request and Response,
// which a message fills without building streams.
import { availableParallelism } from 'node:os';
import { describeThrown } from '../errors.ts';
import { IncomingRequest, IsolateRequest } from './incoming-request.ts';
import { logConsole, type IsolateLog } from './isolate-log.ts';
import { QuickResponse } from './quick-response.ts';

export function installGlobals(log: IsolateLog): void {
  const reportError = (error: unknown): void => log.write('error', error instanceof Error ? error.stack ?? error.message : describeThrown(error));
  replace('console', logConsole(log));
  replace('Request', IsolateRequest);
  replace('Response', QuickResponse);
  replace('fetch', unwrapRequests(globalThis.fetch));
  provide('self', globalThis);
  provide('reportError', reportError);
  provide('ErrorEvent', ErrorEvent);
  provide('PromiseRejectionEvent', PromiseRejectionEvent);
  replace('navigator', Object.freeze({ userAgent: 'Pilotlight', hardwareConcurrency: availableParallelism() }));
}

/** `fetch(request)` with an incoming request looks inside it, so it gets the real one. */
function unwrapRequests(real: typeof fetch): typeof fetch {
  return (input, options) => real(IncomingRequest.toReal(input) as Parameters<typeof fetch>[0], options);
}

class ErrorEvent extends Event {
  readonly message: string;
  readonly filename: string;
  readonly lineno: number;
  readonly colno: number;
  readonly error: unknown;

  constructor(type: string, options: { message?: string; filename?: string; lineno?: number; colno?: number; error?: unknown } = {}) {
    super(type);
    this.message = options.message ?? '';
    this.filename = options.filename ?? '';
    this.lineno = options.lineno ?? 0;
    this.colno = options.colno ?? 0;
    this.error = options.error;
  }
}

class PromiseRejectionEvent extends Event {
  readonly promise: Promise<unknown>;
  readonly reason: unknown;

  constructor(type: string, options: { promise: Promise<unknown>; reason?: unknown }) {
    super(type);
    this.promise = options.promise;
    this.reason = options.reason;
  }
}

function replace(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: false });
}

function provide(name: string, value: unknown): void {
  if (!(name in globalThis)) replace(name, value);
}
