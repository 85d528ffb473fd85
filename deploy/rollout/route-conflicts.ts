// Finds routes of two functions that could answer the same request. Order inside one manifest decides between its own
// routes; between functions there is no order, so an overlap is refused instead of one shadowing the other.
import type { RoutePattern } from '../../runtime/function.ts';

export interface RouteOwner {
  readonly name: string;
  readonly routes: readonly RoutePattern[];
}

export interface RouteConflict {
  readonly route: RoutePattern;
  readonly owner: string;
  readonly ownerRoute: RoutePattern;
}

/** The first overlap of `candidate` with a route of somebody else. */
export function findRouteConflict(candidate: RouteOwner, owners: readonly RouteOwner[]): RouteConflict | undefined {
  for (const owner of owners) {
    if (owner.name === candidate.name) continue;
    for (const ownerRoute of owner.routes) {
      const route = candidate.routes.find((one) => overlaps(one, ownerRoute));
      if (route !== undefined) return { route, owner: owner.name, ownerRoute };
    }
  }
  return undefined;
}

type Segment = { readonly kind: 'literal'; readonly text: string } | { readonly kind: 'one' } | { readonly kind: 'rest' };

type Shape = readonly Segment[];

/** Every deploy compares with the routes of all functions, which are the same ones each time. */
const knownShapes = new WeakMap<RoutePattern, readonly Shape[]>();

function overlaps(a: RoutePattern, b: RoutePattern): boolean {
  if (a.method !== undefined && b.method !== undefined && a.method !== b.method) return false;
  return shapesOf(a).some((one) => shapesOf(b).some((other) => meet(one, other)));
}

function shapesOf(pattern: RoutePattern): readonly Shape[] {
  const known = knownShapes.get(pattern);
  if (known !== undefined) return known;
  const shapes = readShapes(pattern.path);
  knownShapes.set(pattern, shapes);
  return shapes;
}

function meet(a: Shape, b: Shape, from = 0): boolean {
  const [first, second] = [a[from], b[from]];
  // `/a/*` matches `/a` as well, so the rest may be empty.
  if (first?.kind === 'rest' || second?.kind === 'rest') return true;
  if (first === undefined || second === undefined) return first === second;
  if (first.kind === 'literal' && second.kind === 'literal' && first.text !== second.text) return false;
  return meet(a, b, from + 1);
}

/** An optional last parameter, `/:id?`, makes two shapes. */
function readShapes(path: string): readonly Shape[] {
  const parts = splitPath(path);
  const segments = parts.map((part, index) => segmentOf(part, index === parts.length - 1));
  const isOptional = parts.at(-1)?.startsWith(':') === true && parts.at(-1)?.endsWith('?') === true;
  return isOptional ? [segments, segments.slice(0, -1)] : [segments];
}

/** Slashes inside the braces of `:id{a/b}` belong to the expression. */
function splitPath(path: string): readonly string[] {
  const parts: string[] = [''];
  let depth = 0;
  for (const char of path.slice(1)) {
    if (char === '{') depth++;
    if (char === '}') depth--;
    if (char === '/' && depth === 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}

/** An expression counts as matching anything: running somebody's expression here could take for ever. */
function segmentOf(part: string, isLast: boolean): Segment {
  if (part === '*') return isLast ? { kind: 'rest' } : { kind: 'one' };
  if (!part.startsWith(':')) return { kind: 'literal', text: part };
  return part.includes('{') && isLast ? { kind: 'rest' } : { kind: 'one' };
}
