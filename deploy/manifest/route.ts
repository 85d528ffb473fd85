// A route as manifests write it, `POST /digits/:id`, split into the method and Hono's path pattern.
import type { RoutePattern } from '../../runtime/function.ts';

/** Splits a route of a checked manifest. */
export function parseRoute(route: string): RoutePattern {
  const space = route.indexOf(' ');
  return space === -1 ? { method: undefined, path: route } : { method: route.slice(0, space), path: route.slice(space + 1) };
}
