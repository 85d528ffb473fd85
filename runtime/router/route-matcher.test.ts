import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { RegExpRouter } from 'hono/router/reg-exp-router';
import { SmartRouter } from 'hono/router/smart-router';
import { TrieRouter } from 'hono/router/trie-router';
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

test('any set of routes is matched as one router of Hono would match it', () => {
  const segment = fc.constantFrom('a', 'b', 'cc', ':id', ':n{[0-9]+}');
  // A wildcard in the midst is not among them: of that Hono's two routers think differently.
  const path = fc.tuple(fc.array(segment, { maxLength: 4 }), fc.constantFrom([], ['*'], [':last?'])).map(([parts, end]) => `/${[...parts, ...end].join('/')}`);
  const route = fc.tuple(fc.constantFrom('GET', 'POST', ''), path).map(([method, place]) => `${method} ${place}`.trim());
  const asked = fc.array(fc.constantFrom('a', 'b', 'cc', '7', ''), { maxLength: 5 }).map((parts) => `/${parts.join('/')}`);
  fc.assert(fc.property(fc.uniqueArray(route, { maxLength: 8 }), asked, (routes, at) => {
    const hono = new SmartRouter<string>({ routers: [new RegExpRouter(), new TrieRouter()] });
    for (const one of routes) hono.add(pattern(one).method ?? 'ALL', pattern(one).path, one);
    const expected = routes.length === 0 ? undefined : hono.match('GET', at)[0][0]?.[0];
    assert.equal(matcher(...routes).find('GET', at), expected, `${routes.join(', ')} at ${at}`);
  }), { numRuns: 1000 });
});

test('what an owner had is gone when it has others, and the routes of the rest stay', () => {
  const routes = new RouteMatcher<string>();
  const give = (owner: string, ...texts: string[]): void => routes.replace(owner, texts.map((text) => ({ pattern: pattern(text), target: `${owner} ${text}` })));
  give('one', 'GET /one', '/shared/:x/one');
  give('two', 'GET /two', '/shared/:x/two');
  give('one', 'GET /uno', '/shared/:x/one');
  assert.deepEqual(['/one', '/uno', '/two'].map((path) => routes.find('GET', path)), [undefined, 'one GET /uno', 'two GET /two']);
  assert.deepEqual(['one', 'two'].map((end) => routes.find('GET', `/shared/7/${end}`)), ['one /shared/:x/one', 'two /shared/:x/two']);
  give('two');
  assert.deepEqual(['/two', '/shared/7/two', '/uno'].map((path) => routes.find('GET', path)), [undefined, undefined, 'one GET /uno']);
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
