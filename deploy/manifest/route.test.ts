import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRoute, routeKey, whyNotRequest, whyNotRoute } from './route.ts';

test('a route is a method, or any, and a path', () => {
  assert.deepEqual(parseRoute('POST /digits/:id'), { method: 'POST', path: '/digits/:id' });
  assert.deepEqual(parseRoute('/digits'), { method: undefined, path: '/digits' });
});

test("Hono's path syntax is taken", () => {
  for (const route of ['/', '/a', 'GET /a/:id', '/a/:id?', '/a/:id{[0-9]+}', '/a/*', '/files/:name{.+\\.png}', '/v2x/y', 'DELETE /v1/:a/:b']) {
    assert.equal(whyNotRoute(route), undefined, route);
  }
});

const REFUSED: readonly [string, RegExp][] = [
  ['POST', /a path begins with \//],
  ['POST  /a', /a path begins with \//],
  ['digits', /a path begins with \//],
  ['post /a', /"post" is not a method .* POST would do/],
  ['TRACE /a', /"TRACE" is not a method/],
  ['/a b', /"\/a" is not a method|no spaces/],
  ['/a?x=1', /matched by its path alone/],
  ['/a#b', /matched by its path alone/],
  ['/v2', /\/v2 is reserved/],
  ['GET /v2/models/:name', /\/v2 is reserved/],
  ['/V2/x', /\/v2 is reserved/],
  ['/a/:id{[}', /not a path in Hono's syntax/],
];

for (const [route, why] of REFUSED) {
  test(`the route ${JSON.stringify(route)} is refused`, () => {
    assert.match(String(whyNotRoute(route)), why);
  });
}

test('two routes that differ in the name of a parameter alone take the same requests', () => {
  assert.equal(routeKey('GET /a/:x'), routeKey('GET /a/:y'));
  assert.notEqual(routeKey('GET /a/:x'), routeKey('POST /a/:x'));
  assert.notEqual(routeKey('/a/:x{[0-9]+}'), routeKey('/a/:x'));
});

test('a golden request is matched against the routes without its query', () => {
  assert.equal(whyNotRequest('GET /a/7?top=3', ['GET /a/:id{[0-9]+}']), undefined);
  assert.match(String(whyNotRequest('GET /a/x', ['GET /a/:id{[0-9]+}'])), /no route of the function takes it/);
  assert.match(String(whyNotRequest('GET /a\u00e9', ['/*'])), /percent-encoded/);
});
