// What a manifest must keep beyond the types and bounds of its schema: names that do not collide, paths that stay
// inside the folder, routes that can be matched, golden requests that can arrive.
import { fieldName, shown, type FieldPath, type ManifestText } from './manifest-text.ts';
import type { Manifest, ManifestModelOptions } from './manifest.ts';
import { checkModelFiles, type WrittenModelFiles } from './model-file-rules.ts';
import { trimPath, whyNotInside } from './inner-path.ts';
import { parseRoute, routeKey, whyNotRequest, whyNotRoute } from './route.ts';

/** The handler's place in a bundle, so no file of the folder can have it. */
const RESERVED_PATH = 'handler.mjs';
/** HTTP sets them itself. */
const OWN_HEADERS = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'expect', 'upgrade', 'te', 'trailer']);

/** Manifest values before paths and methods are written out; what the schema has passed. */
export type WrittenManifest = Omit<Manifest, 'main' | 'routes' | 'models'> & {
  readonly main?: string;
  readonly routes?: readonly string[];
  readonly models: Readonly<Record<string, ManifestModelOptions & WrittenModelFiles>>;
};

/** Throws BAD_MANIFEST for the first broken rule. */
export function checkRules(written: WrittenManifest, text: ManifestText): asserts written is Manifest {
  checkMain(written.main, text);
  checkRoutes(written.routes, text);
  checkModels(written, text);
  checkGoldenRequests(written, text);
  checkNames(written, text);
}

function checkMain(main: string | undefined, text: ManifestText): void {
  if (main === undefined) {
    throw text.error([], 'main is missing: a function without a handler is not supported yet; name a handler such as "handler.ts"');
  }
  checkFilePath(main, ['main'], text);
}

function checkRoutes(routes: readonly string[] | undefined, text: ManifestText): void {
  if (routes === undefined || routes.length === 0) {
    throw text.error(['routes'], 'routes is missing: a handler answers at least one, such as "POST /digits"');
  }
  const seen = new Map<string, string>();
  for (const [index, route] of routes.entries()) {
    const why = whyNotRoute(route);
    if (why !== undefined) throw text.error(['routes', index], `routes[${index}] ${shown(route)} cannot be a route: ${why}`);
    const same = seen.get(routeKey(route));
    if (same !== undefined) throw text.error(['routes', index], `routes[${index}] ${shown(route)} takes the same requests as ${shown(same)}; remove one`);
    seen.set(routeKey(route), route);
  }
}

function checkModels(written: WrittenManifest, text: ManifestText): void {
  for (const [binding, model] of Object.entries(written.models)) {
    const path: FieldPath = ['models', binding];
    if (model.path !== undefined) checkFilePath(model.path, [...path, 'path'], text);
    for (const [index, variant] of (model.variants ?? []).entries()) checkFilePath(variant.path, [...path, 'variants', index, 'path'], text);
    checkModelFiles(model, path, text);
    if (model.residency === 'pinned' && model.idleTimeoutMs !== undefined) {
      throw text.error([...path, 'idleTimeoutMs'], `${fieldName(path)}.idleTimeoutMs says when to unload what residency "pinned" keeps for ever; leave out one of them`);
    }
    for (const [index, glob] of model.warm.inputs.entries()) checkFilePath(glob, [...path, 'warm', 'inputs', index], text);
  }
}

function checkGoldenRequests(written: WrittenManifest, text: ManifestText): void {
  for (const [index, golden] of written.warm.entries()) {
    const request = writtenRequest(golden);
    const why = whyNotRequest(request, written.routes ?? []);
    if (why !== undefined) throw text.error(['warm', index, 'request'], `warm[${index}].request ${shown(golden.request)}: ${why}`);
    if (golden.body !== undefined) checkFilePath(golden.body, ['warm', index, 'body'], text);
    if (golden.body !== undefined && /^(GET|HEAD) /.test(request)) {
      throw text.error(['warm', index, 'body'], `warm[${index}].body cannot go with ${shown(golden.request)}; use another method or leave the body out`);
    }
    for (const name of Object.keys(golden.headers)) {
      if (OWN_HEADERS.has(name.toLowerCase())) throw text.errorAtKey(['warm', index, 'headers', name], `the header ${shown(name)} is set by the host; leave it out`);
    }
    if ('json' in golden.expect && golden.expect.text !== undefined) {
      throw text.error(['warm', index, 'expect'], `warm[${index}].expect has both json and text; keep one`);
    }
  }
}

/** Models, vars and secrets all become properties of `env`. */
function checkNames(written: WrittenManifest, text: ManifestText): void {
  const owners = new Map(Object.keys(written.models).map((name) => [name, `models.${name}`]));
  const take = (name: string, owner: string, at: () => Error) => {
    if (owners.has(name)) throw at();
    owners.set(name, owner);
  };
  const message = (name: string, owner: string) => `env.${name} would be both ${owners.get(name)} and ${owner}; rename one`;
  for (const name of Object.keys(written.vars)) {
    take(name, `vars.${name}`, () => text.errorAtKey(['vars', name], message(name, `vars.${name}`)));
  }
  for (const [index, name] of written.secrets.entries()) {
    take(name, `secrets[${index}]`, () => text.error(['secrets', index], message(name, `secrets[${index}]`)));
  }
}

function checkFilePath(file: string, path: FieldPath, text: ManifestText): void {
  const why = whyNotInside(trimPath(file));
  if (why !== undefined) throw text.error(path, `${fieldName(path)} ${shown(file)} is not a path inside the function's folder: ${why}`);
  if (trimPath(file) === RESERVED_PATH && path[0] !== 'main') {
    throw text.error(path, `${fieldName(path)} ${shown(file)} is where a bundle keeps the handler; rename the file`);
  }
}

/** The request with its method. */
export function writtenRequest(golden: { readonly request: string; readonly body?: string }): string {
  if (parseRoute(golden.request).method !== undefined) return golden.request;
  return `${golden.body === undefined ? 'GET' : 'POST'} ${golden.request}`;
}
