// Finds the route of a request in linear time by Hono's own routers, so that a manifest's paths mean here what they mean
// in the handler's Hono app. Keeps the rule: no match is NO_ROUTE, a match of other methods only is BAD_METHOD.
import { METHOD_NAME_ALL } from 'hono/router';
import { RegExpRouter } from 'hono/router/reg-exp-router';
import { SmartRouter } from 'hono/router/smart-router';
import { TrieRouter } from 'hono/router/trie-router';
import type { RoutePattern } from '../function.ts';

export type RouteMiss = { readonly kind: 'no-route' } | { readonly kind: 'bad-method'; readonly allow: readonly string[] };

export class RouteMatcher<Target> {
  readonly #router = new SmartRouter<Target>({ routers: [new RegExpRouter(), new TrieRouter()] });
  readonly #methods = new Set<string>();
  #isEmpty = true;

  constructor(routes: Iterable<{ readonly pattern: RoutePattern; readonly target: Target }>) {
    for (const { pattern, target } of routes) {
      this.#router.add(pattern.method ?? METHOD_NAME_ALL, pattern.path, target);
      if (pattern.method !== undefined) this.#methods.add(pattern.method);
      this.#isEmpty = false;
    }
  }

  /** The first route that fits. HEAD falls back to GET, as every HTTP server does. */
  find(method: string, path: string): Target | undefined {
    if (this.#isEmpty) return undefined;
    const found = this.#router.match(method, path)[0][0];
    if (found !== undefined) return found[0];
    return method === 'HEAD' ? this.find('GET', path) : undefined;
  }

  /** Why `find` found nothing. */
  explainMiss(path: string): RouteMiss {
    const allow = [...this.#methods].filter((method) => this.find(method, path) !== undefined);
    if (allow.length === 0) return { kind: 'no-route' };
    if (allow.includes('GET') && !allow.includes('HEAD')) allow.push('HEAD');
    return { kind: 'bad-method', allow: allow.sort() };
  }
}

/** A path as Hono's app sees it: percent escapes of plain characters decoded. */
export function decodePath(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURI(path.replaceAll('%25', '%2525'));
  } catch {
    return path;
  }
}
