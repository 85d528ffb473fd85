// What the control thread and an ingress thread tell each other: rare words, so plain objects. An order with an `ask` is
// answered by `done` with the same number.
import type { MessagePort } from 'node:worker_threads';
import type { ErrorPlain } from '../errors.ts';
import type { StartNote } from '../isolates/version-isolates.ts';
import type { TableChanges } from '../router/table-changes.ts';
import type { LinkRole } from './isolate-link.ts';
import type { PauseOptions } from './pause.ts';
import type { TargetPlan } from './target.ts';

/** Where an ingress thread listens: a descriptor that it inherits, or an address of its own. */
export type Listen = { readonly fd: number; readonly backlog?: number } | { readonly host: string; readonly port: number };

/** A module whose `openRecordSink(context)` takes the records of one ingress thread. */
export interface SinkModule {
  /** File URL. */
  readonly url: string;
  readonly settings: unknown;
}

export interface IngressSetup {
  readonly index: number;
  readonly listen: Listen;
  /** Unix socket for golden requests; the first thread has it. */
  readonly privatePath: string | undefined;
  readonly sink: SinkModule | undefined;
  /** Share of new traces that are sampled, 0 to 1. */
  readonly traceSampling: number;
  readonly bodyIdleTimeoutMs: number;
  readonly connectionsMax: number;
}

export type Health = 'starting' | 'ready' | 'failing' | 'draining';

export type ToIngress =
  /** Answered by `listening` or `refused`. */
  | { readonly kind: 'listen' }
  /** A version that has no isolate yet. */
  | { readonly kind: 'declare'; readonly target: TargetPlan }
  | {
    readonly kind: 'attach'; readonly ask: number; readonly target: TargetPlan; readonly isolate: number; readonly use: SharedArrayBuffer;
    readonly index: number; readonly role: LinkRole; readonly port: MessagePort; readonly note: StartNote;
  }
  /** Nobody waits any more for an isolate of the version: there will be none. */
  | { readonly kind: 'refuse'; readonly key: string; readonly error: ErrorPlain }
  | { readonly kind: 'promote'; readonly isolate: number; readonly index: number }
  /** Takes no more requests; answered when what it has is done. */
  | { readonly kind: 'retire'; readonly ask: number; readonly isolate: number }
  | { readonly kind: 'lose'; readonly isolate: number }
  | { readonly kind: 'table'; readonly ask: number; readonly changes: TableChanges }
  /** Answered when the version has no request in flight. */
  | { readonly kind: 'drain'; readonly ask: number; readonly key: string }
  /** Answered with the number of requests that were cut. */
  | { readonly kind: 'cut'; readonly ask: number; readonly key: string }
  /** New requests of the function wait from here on, until `resume`. */
  | { readonly kind: 'pause'; readonly ask: number; readonly pause: PauseOptions }
  | { readonly kind: 'resume'; readonly ask: number; readonly name: string }
  | { readonly kind: 'forget'; readonly ask: number; readonly key: string }
  | { readonly kind: 'health'; readonly health: Health }
  /** Answered when the thread listens no more; what is in flight goes on. */
  | { readonly kind: 'release'; readonly ask: number }
  /** After `release`. Answered with the number of requests that were cut. */
  | { readonly kind: 'close'; readonly ask: number; readonly deadlineMs: number };

export type FromIngress =
  /** Takes orders; listens to nobody but golden requests yet. */
  | { readonly kind: 'started' }
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'refused'; readonly reason: string; readonly code: string | undefined }
  | { readonly kind: 'done'; readonly ask: number; readonly count: number }
  /** A request of the version has met only busy isolates, `seen` of them, or none. */
  | { readonly kind: 'want'; readonly key: string; readonly seen: number }
  /** An isolate's event loop does not turn. */
  | { readonly kind: 'stuck'; readonly isolate: number }
  | { readonly kind: 'sink'; readonly message: unknown };

/** Names a version on this thread. */
export function targetKey(of: { readonly name: string; readonly version: string }): string {
  return `${of.name}@${of.version}`;
}
