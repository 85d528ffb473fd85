import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { routeLabel } from '../../runtime/router/table.ts';
import { parseRoute } from '../manifest/route.ts';
import { findRouteConflict } from './route-conflicts.ts';

const owner = (name: string, ...routes: string[]) => ({ name, routes: routes.map(parseRoute) });

describe('route conflicts', () => {
  const overlapping: readonly [string, string][] = [
    ['POST /digits', 'POST /digits'],
    ['POST /digits', '/digits'],
    ['GET /digits/:id', 'GET /digits/new'],
    ['GET /digits/:id', 'GET /digits/:name'],
    ['GET /digits/*', 'GET /digits'],
    ['GET /*', 'POST /digits/a/b'.replace('POST', 'GET')],
    ['GET /a/*/c', 'GET /a/b/c'],
    ['GET /a/:id?', 'GET /a'],
    ['GET /a/:id{[0-9]+}', 'GET /a/7'],
    ['GET /a/:path{.+}', 'GET /a/b/c'],
  ];
  for (const [a, b] of overlapping) {
    test(`fault 13: ${a} and ${b} of two functions are refused, with the other owner named, either way round`, () => {
      assert.equal(findRouteConflict(owner('mine', a), [owner('theirs', b)])?.owner, 'theirs');
      assert.equal(findRouteConflict(owner('mine', b), [owner('theirs', a)])?.owner, 'theirs');
    });
  }

  const apart: readonly [string, string][] = [
    ['POST /digits', 'GET /digits'],
    ['GET /digits', 'GET /digits/:id'],
    ['GET /a/:id', 'GET /a/b/c'],
    ['GET /a/:id{[0-9/]+}/x', 'GET /b'],
    ['GET /a/:id?', 'GET /a/b/c'],
  ];
  for (const [a, b] of apart) {
    test(`${a} and ${b} of two functions live side by side`, () => {
      assert.equal(findRouteConflict(owner('mine', a), [owner('theirs', b)]), undefined);
    });
  }

  test('routes of one function never conflict with each other or with its older version', () => {
    assert.equal(findRouteConflict(owner('mine', '/a', '/a/*'), [owner('mine', '/a')]), undefined);
  });

  test('the conflict names the routes as they were written', () => {
    const conflict = findRouteConflict(owner('mine', 'GET /x', 'POST /a/:id'), [owner('theirs', '/a/b')]);
    assert.ok(conflict);
    assert.deepEqual([routeLabel(conflict.route), routeLabel(conflict.ownerRoute)], ['POST /a/:id', '/a/b']);
  });
});
