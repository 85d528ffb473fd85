// What a function declares of itself, read once: every field has its value here, so that nobody after this
// file knows a default. A Manifest written as JSON is itself a valid manifest, which is how a host checks a received one.
import type { Limits } from '../../runtime/function.ts';
import { deepFreeze } from './deep-freeze.ts';
import { trimPath } from './inner-path.ts';
import { ManifestText } from './manifest-text.ts';
import type { ModelFiles } from './model-files.ts';
import { refuseNotYet } from './not-yet.ts';
import { checkRules, writtenRequest, type WrittenManifest } from './rules.ts';
import { checkSchema } from './schema-check.ts';

/** By extension of a golden request's body. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  json: 'application/json', txt: 'text/plain; charset=utf-8', csv: 'text/csv', html: 'text/html; charset=utf-8', xml: 'application/xml',
  png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', webp: 'image/webp', gif: 'image/gif', wav: 'audio/wav', mp3: 'audio/mpeg', pdf: 'application/pdf',
};

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

/** `any`: a GPU that it fits on, else the CPU. `gpu`: any of them. */
export type WantedDevice = 'any' | 'cpu' | 'gpu' | `gpu:${number}`;

export type ManifestModel = ManifestModelOptions & ModelFiles;

export interface ManifestModelOptions {
  readonly device: WantedDevice;
  /** Left out: the host's own default for the device, which is why it has no value here. */
  readonly slots?: number | 'auto';
  readonly threads: number;
  readonly queue: { readonly max: number; readonly timeoutMs: number };
  readonly tolerance: number;
  /** No inputs: zeros over the whole grid of shapes. `matchPaths` finds the files of the globs. */
  readonly warm: { readonly inputs: readonly string[]; readonly runs: number };
  readonly residency: 'lru' | 'pinned';
  readonly idleTimeoutMs?: number;
  readonly preload: boolean;
}

/** A golden request and the answer that it must get. */
export interface ManifestGolden {
  /** `POST /digits?x=1`, always with its method; `parseRoute` splits it too. */
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
  const source = new ManifestText(text, file);
  refuseNotYet(source);
  checkSchema(source);
  const written: WrittenManifest = source.value as WrittenManifest;
  checkRules(written, source);
  return deepFreeze(normalise(written));
}

/** Writes out what may be left out and is not a plain default. */
function normalise(written: Manifest): Manifest {
  return {
    name: written.name,
    main: trimPath(written.main),
    routes: written.routes,
    models: mapValues(written.models, (model) => ({
      ...model,
      ...('variants' in model ? { variants: model.variants.map(({ path, when }) => ({ path: trimPath(path), when })) } : { path: trimPath(model.path) }),
      warm: { ...model.warm, inputs: model.warm.inputs.map(trimPath) },
    })),
    warm: written.warm.map(normaliseGolden),
    isolates: written.isolates,
    limits: written.limits,
    vars: written.vars,
    secrets: written.secrets,
  };
}

function normaliseGolden(golden: ManifestGolden): ManifestGolden {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(golden.headers)) headers[name.toLowerCase()] = value;
  const request = writtenRequest(golden);
  if (golden.body === undefined) return { request, headers, expect: golden.expect };
  headers['content-type'] ??= contentTypeOf(golden.body);
  return { request, headers, body: trimPath(golden.body), expect: golden.expect };
}

function contentTypeOf(file: string): string {
  const extension = file.slice(file.lastIndexOf('.') + 1).toLowerCase();
  return CONTENT_TYPES[extension] ?? 'application/octet-stream';
}

/** Without a prototype: the names come from people. */
function mapValues<V, W>(of: Readonly<Record<string, V>>, change: (value: V) => W): Record<string, W> {
  const changed: Record<string, W> = Object.create(null) as Record<string, W>;
  for (const [name, value] of Object.entries(of)) changed[name] = change(value);
  return changed;
}
