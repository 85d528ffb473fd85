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

/** A version's part of its function's traffic. */
export interface Share {
  /** Full digest. */
  readonly version: string;
  /** A whole number; those of a function sum to 100. 0: only for callers who ask for the version. */
  readonly percent: number;
}

/** Several versions of one function answer side by side; each by its own entries. */
export interface RouteSplit {
  readonly function: string;
  readonly shares: readonly Share[];
}

/** Where patterns overlap, the entry that stands first answers. */
export interface RouteTable {
  readonly generation: number;
  readonly entries: readonly RouteEntry[];
  /** Of functions with more than one version in `entries`. */
  readonly splits: readonly RouteSplit[];
}

/** `POST /digits`, or the path alone where any method matches. */
export function routeLabel(pattern: RoutePattern): string {
  return pattern.method === undefined ? pattern.path : `${pattern.method} ${pattern.path}`;
}
