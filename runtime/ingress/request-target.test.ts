import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTarget } from './request-target.ts';

test('a plain path keeps its form and loses its query for routing', () => {
  assert.deepEqual(parseTarget('/digits/3?a=b&c=%20', 'example.com:8787'), { url: 'http://example.com:8787/digits/3?a=b&c=%20', path: '/digits/3' });
});

test('every target gets the form that URL gives it, in the URL and for routing alike', () => {
  const targets = ['/a/../b', '/a/./b?x', '/%2e%2e/b', '/a b', '/caf\u00e9', '/a//b', '/a#b', '/a\\b', '/..', '/a/%2E%2E/%2e/b', '/a?b/../c', '/a%zz', '/"<>^`{|}'];
  for (const target of targets) {
    const url = new URL(`http://host${target}`);
    url.hash = '';
    assert.deepEqual(parseTarget(target, 'host'), { url: url.href, path: url.pathname }, target);
  }
});

test('an absolute target names its own host', () => {
  assert.deepEqual(parseTarget('http://other:81/a?b', 'host'), { url: 'http://other:81/a?b', path: '/a' });
  assert.deepEqual(parseTarget('//evil/a', 'host'), { url: 'http://host//evil/a', path: '//evil/a' });
});

test('a host is brought to normal form', () => {
  assert.equal(parseTarget('/', 'EXAMPLE.com:80').url, 'http://example.com/');
  assert.equal(parseTarget('/', '[::1]:8080').url, 'http://[::1]:8080/');
  assert.equal(parseTarget('/', undefined).url, 'http://localhost/');
});

test('what is no host or no path is refused as a bad request', () => {
  for (const host of ['a b', 'a/b', 'user@host', 'host:99999', 'host:', '<script>', 'a?b', '[::1', 'x'.repeat(20_000) + '/']) {
    assert.throws(() => parseTarget('/', host), { code: 'BAD_REQUEST' }, host.slice(0, 40));
  }
  for (const target of ['*', 'a', 'http://', 'ftp://host/a', 'http://user:secret@host/', '']) {
    assert.throws(() => parseTarget(target, 'host'), { code: 'BAD_REQUEST' }, target);
  }
});
