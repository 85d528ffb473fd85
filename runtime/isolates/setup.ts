// What the control thread and an isolate tell each other: rare words, so plain objects.
import type { MessagePort } from 'node:worker_threads';
import type { ErrorPlain } from '../errors.ts';
import type { Limits, ModelBinding } from '../function.ts';
import type { Start } from '../records.ts';

/** How an isolate reaches engines: a module whose `openEngineClient(settings)` gives an `EngineClient`. */
export interface EngineModule {
  /** File URL. */
  readonly url: string;
  readonly settings: unknown;
}

export interface IsolateSetup {
  readonly function: string;
  /** Full digest. */
  readonly version: string;
  readonly handlerFile: string;
  readonly models: readonly ModelBinding[];
  readonly vars: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly limits: Limits;
  /** Left out where no function has models. */
  readonly engine: EngineModule | undefined;
}

/** What the thread of one isolate begins with. */
export interface IsolateThreadSetup extends IsolateSetup {
  /** One Int32 that the isolate counts up whenever its event loop turns. */
  readonly pulse: SharedArrayBuffer;
  /** See isolate-use.ts: work that goes on after its answers is use too. */
  readonly use: SharedArrayBuffer;
}

/** The answer to a wait for a pool that was not resident. */
export interface Acquired {
  readonly start: Start;
  readonly loadId?: string;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** A line of a handler's log. */
export interface LogLine {
  readonly level: LogLevel;
  readonly text: string;
  readonly timeMs: number;
  readonly requestId?: string;
  readonly traceId?: string;
}

export type ToIsolate =
  | { readonly kind: 'attach'; readonly port: MessagePort }
  | { readonly kind: 'acquired'; readonly ask: number; readonly acquired: Acquired }
  | { readonly kind: 'refused'; readonly ask: number; readonly error: ErrorPlain }
  | { readonly kind: 'close' };

export type FromIsolate =
  | { readonly kind: 'ready' }
  /** The handler cannot serve: it threw on import or has no `fetch`. */
  | { readonly kind: 'unfit'; readonly reason: string }
  | { readonly kind: 'acquire'; readonly ask: number; readonly key: string; readonly binding: string }
  | { readonly kind: 'log'; readonly lines: readonly LogLine[]; readonly dropped: number }
  /** After a collection the isolate still holds more than its limit. */
  | { readonly kind: 'over-memory'; readonly heapBytes: number; readonly bufferBytes: number }
  /** Work that goes on after answers has ended. */
  | { readonly kind: 'closed' };
