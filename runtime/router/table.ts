// The route table: who answers what, now. An immutable, numbered snapshot; ingress threads swap whole tables.
import type { ErrorPlain } from '../errors.ts';
import type { RoutePattern } from '../function.ts';

export interface RouteEntry {
  readonly pattern: RoutePattern;
  readonly function: string;
  /** Full digest. */
  readonly version: string;
  /** The version does not run: requests are answered with this. */
  readonly refusal?: ErrorPlain;
}

/** Where patterns overlap, the entry that stands first answers. */
export interface RouteTable {
  readonly generation: number;
  readonly entries: readonly RouteEntry[];
}

/** `POST /digits`, or the path alone where any method matches. */
export function routeLabel(pattern: RoutePattern): string {
  return pattern.method === undefined ? pattern.path : `${pattern.method} ${pattern.path}`;
}
