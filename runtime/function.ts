// What the data plane knows of one immutable version of a function. Made by the control plane from a
// stored bundle; plain data, so that it crosses threads as it is.
import type { PoolSpec } from './engine/port.ts';
import type { Signature } from './engine/tensor.ts';

export interface RoutePattern {
  /** Upper case; undefined: any method. */
  readonly method: string | undefined;
  /** Hono's path syntax. */
  readonly path: string;
}

/** All limits have a value here: defaults were filled in when the manifest was read. */
export interface Limits {
  readonly timeoutMs: number;
  readonly initTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly bodyBytesMax: number;
  readonly responseBytesMax: number;
  /** Requests of the function in the host at once. */
  readonly concurrency: number;
  /** Bound on an isolate's heap plus its own array buffers. */
  readonly heapMiB: number;
}

export interface ModelBinding {
  readonly binding: string;
  readonly pool: PoolSpec;
  readonly signature: Signature;
  /** true: start the load when a request arrives, beside the handler. */
  readonly preload: boolean;
}

export interface FunctionVersion {
  readonly name: string;
  /** Content digest, 64 hexadecimal digits; people see the first 8. */
  readonly version: string;
  /** Absolute path of the bundled handler, an ES module. */
  readonly handlerFile: string;
  readonly routes: readonly RoutePattern[];
  readonly models: readonly ModelBinding[];
  readonly vars: Readonly<Record<string, string>>;
  /** Names only: values are read when an isolate starts. */
  readonly secrets: readonly string[];
  readonly isolates: number;
  readonly limits: Limits;
}

/** A version that is deployed and whose models nobody has looked at yet: enough to route to it and to start it when a request comes. */
export type DeclaredVersion = Omit<FunctionVersion, 'models'>;

/** `digits@3f2a9c1d`: how people name a version. */
export function versionLabel(of: { readonly name: string; readonly version: string }): string {
  return `${of.name}@${of.version.slice(0, 8)}`;
}
