import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RoutePattern } from '../function.ts';
import { RouteMatcher, decodePath } from './route-matcher.ts';

const pattern = (text: string): RoutePattern => {
  const [first = '', second] = text.split(' ');
  return second === undefined ? { method: undefined, path: first } : { method: first, path: second };
};
const matcher = (...routes: string[]): RouteMatcher<string> =>
  new RouteMatcher(routes.map((text) => ({ pattern: pattern(text), target: text })));

test('a route without a method matches every method', () => {
  const routes = matcher('/any');
  for (const method of ['GET', 'POST', 'DELETE', 'PROPFIND']) assert.equal(routes.find(method, '/any'), '/any');
});

test('parameters, wildcards and optional parts follow Hono', () => {
  const routes = matcher('GET /digits/:id', 'GET /files/*', 'GET /animal/:kind?', 'GET /post/:date{[0-9]+}');
  assert.equal(routes.find('GET', '/digits/3'), 'GET /digits/:id');
  assert.equal(routes.find('GET', '/digits/3/4'), undefined);
  assert.equal(routes.find('GET', '/files/a/b'), 'GET /files/*');
  assert.equal(routes.find('GET', '/animal'), 'GET /animal/:kind?');
  assert.equal(routes.find('GET', '/post/12'), 'GET /post/:date{[0-9]+}');
  assert.equal(routes.find('GET', '/post/twelve'), undefined);
});

test('of two routes that fit the first wins', () => {
  assert.equal(matcher('GET /a/:id', 'GET /a/b').find('GET', '/a/b'), 'GET /a/:id');
  assert.equal(matcher('GET /a/b', 'GET /a/:id').find('GET', '/a/b'), 'GET /a/b');
  assert.equal(matcher('/a/:x/c', 'GET /a/b/:y').find('GET', '/a/b/c'), '/a/:x/c');
});

test('HEAD is answered by a GET route', () => {
  assert.equal(matcher('GET /a').find('HEAD', '/a'), 'GET /a');
});

test('a path that other methods have is a bad method, with what is allowed', () => {
  const routes = matcher('GET /a', 'POST /a', 'PUT /b');
  assert.deepEqual(routes.explainMiss('/a'), { kind: 'bad-method', allow: ['GET', 'HEAD', 'POST'] });
  assert.deepEqual(routes.explainMiss('/c'), { kind: 'no-route' });
});

test('an empty table matches nothing', () => {
  assert.equal(matcher().find('GET', '/'), undefined);
  assert.deepEqual(matcher().explainMiss('/'), { kind: 'no-route' });
});

test('names of built-in properties are no routes', () => {
  const routes = matcher('GET /a');
  for (const name of ['/__proto__', '/constructor', '/toString', '__proto__']) assert.equal(routes.find('GET', name), undefined);
  assert.equal(routes.find('__proto__', '/a'), undefined);
  assert.equal(routes.find('constructor', '/a'), undefined);
});

test('escapes are decoded once, and left alone where they are no text', () => {
  assert.equal(decodePath('/caf%C3%A9'), '/café');
  assert.equal(decodePath('/a%252fb'), '/a%252fb');
  assert.equal(decodePath('/bad%ff'), '/bad%ff');
});
