// What a function declares of itself, read once: every field has its value here, so that nobody after this
// file knows a default. A Manifest written as JSON is itself a valid manifest, which is how a host checks a received one.
import type { Limits } from '../../runtime/function.ts';

/** A file that the manifest names is meant relative to its folder, with `/` and without `./`. */
export interface Manifest {
  readonly name: string;
  readonly main: string;
  /** As written, `POST /digits`; `parseRoute` splits one. */
  readonly routes: readonly string[];
  /** By binding name. */
  readonly models: Readonly<Record<string, ManifestModel>>;
  readonly warm: readonly ManifestGolden[];
  readonly isolates: number;
  readonly limits: Limits;
  readonly vars: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

export interface ManifestModel {
  readonly path: string;
  readonly device: 'any' | 'cpu';
  /** Left out: the host's own default for the device, which is why it has no value here. */
  readonly slots?: number;
  readonly threads: number;
  readonly queue: { readonly max: number; readonly timeoutMs: number };
  readonly tolerance: number;
  /** No inputs: zeros over the whole grid of shapes. `matchPaths` finds the files of the globs. */
  readonly warm: { readonly inputs: readonly string[]; readonly runs: number };
  readonly residency: 'lru' | 'pinned';
  readonly preload: boolean;
}

/** A golden request and the answer that it must get. */
export interface ManifestGolden {
  /** `POST /digits?x=1`: method optional, GET without a body and POST with one. */
  readonly request: string;
  /** Lower-case names. Holds a `content-type` whenever there is a body. */
  readonly headers: Readonly<Record<string, string>>;
  /** A file. */
  readonly body?: string;
  readonly expect: Expectation;
}

export interface Expectation {
  readonly status: number;
  /** Objects: the named keys must match, others may be there. All else must be equal. */
  readonly json?: unknown;
  /** The whole body. */
  readonly text?: string;
}

/**
 * Reads the text of a manifest. `file` is how messages name it.
 * Throws BAD_MANIFEST with `file:line:column`, the field, what was found and what would do.
 */
export function parseManifest(text: string, file: string): Manifest {
  throw new Error(`bug: not built yet: ${file} ${text.length}`);
}
