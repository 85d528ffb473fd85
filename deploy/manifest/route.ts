// A route as manifests write it, `POST /digits/:id`: an optional method and a path in Hono's syntax.
import { nearestName } from '../../runtime/config/nearest-name.ts';
import { describeThrown } from '../../runtime/errors.ts';
import type { RoutePattern } from '../../runtime/function.ts';
import { compilePath, decodePath, RouteMatcher } from '../../runtime/router/route-matcher.ts';

// CONNECT and TRACE never reach a function.
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Splits a route, or the `request` of a golden request, of a checked manifest. */
export function parseRoute(route: string): RoutePattern {
  const space = route.indexOf(' ');
  return space === -1 ? { method: undefined, path: route } : { method: route.slice(0, space), path: route.slice(space + 1) };
}

/** Why a route cannot be one, and what would do; undefined when it can. */
export function whyNotRoute(route: string): string | undefined {
  const { method, path } = parseRoute(route);
  const wrongMethod = whyNotMethod(method);
  if (wrongMethod !== undefined) return wrongMethod;
  if (!path.startsWith('/')) return 'a path begins with /, such as "POST /digits/:id"';
  if (/\s/.test(path)) return 'a path has no spaces';
  if (/[?#]/.test(path.replaceAll(/\{[^}]*\}/g, '').replaceAll(/:[^/?]+\?(?=\/|$)/g, ''))) return 'a route is matched by its path alone; leave ? and # out';
  const first = path.split('/')[1] ?? '';
  if (/^v2\W*$/i.test(first)) return '/v2 is reserved for the Open Inference Protocol; choose another path';
  return whyNotPattern(path);
}

/** Why a golden request's `METHOD /path?query` cannot be sent; undefined when it can. */
export function whyNotRequest(request: string, routes: readonly string[]): string | undefined {
  const { method, path } = parseRoute(request);
  const wrongMethod = whyNotMethod(method);
  if (wrongMethod !== undefined) return wrongMethod;
  if (!/^\/[\x21-\x7e]*$/.test(path) || path.includes('#')) return 'write it like "POST /digits?top=3", with other characters percent-encoded';
  const matcher = new RouteMatcher(routes.map((route) => ({ pattern: parseRoute(route), target: route })));
  if (matcher.find(method ?? 'GET', decodePath(path.split('?')[0] ?? path)) !== undefined) return undefined;
  return `no route of the function takes it; its routes are ${routes.join(', ')}`;
}

/** Two routes with the same key take the same requests. */
export function routeKey(route: string): string {
  const { method, path } = parseRoute(route);
  return `${method ?? 'ALL'} ${path.replaceAll(/:[^/{?]+/g, ':')}`;
}

function whyNotMethod(method: string | undefined): string | undefined {
  if (method === undefined || METHODS.includes(method)) return undefined;
  const nearest = nearestName(method, METHODS) ?? METHODS.join(', ');
  return `${JSON.stringify(method)} is not a method that a function can take; ${nearest} would do`;
}

function whyNotPattern(path: string): string | undefined {
  try {
    compilePath(path);
    return undefined;
  } catch (error) {
    return `not a path in Hono's syntax: ${describeThrown(error)}`;
  }
}
