import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Expectation } from './manifest.ts';
import { findMismatch } from './expectation.ts';

function mismatch(expected: Partial<Expectation>, text: string, status = 200): string | undefined {
  return findMismatch({ status: 200, ...expected }, { status, body: Buffer.from(text) });
}

test('another status is a mismatch and shows what came', () => {
  assert.match(String(mismatch({}, '{"code":"BAD_TENSOR"}', 400)), /status 200 was expected, found 400 with .*BAD_TENSOR/);
});

test('keys of an object that nobody named are not looked at', () => {
  assert.equal(mismatch({ json: { digit: 3, top: [{ p: 1 }] } }, '{"digit":3,"ms":0.4,"top":[{"p":1,"q":2}]}'), undefined);
});

test('a difference is told with its place', () => {
  assert.match(String(mismatch({ json: { digit: 3 } }, '{"digit":8}')), /json digit 3 was expected, found 8/);
  assert.match(String(mismatch({ json: { a: [{ b: 'x' }] } }, '{"a":[{"b":"y"}]}')), /json a\[0\]\.b "x" was expected, found "y"/);
  assert.match(String(mismatch({ json: { a: 1 } }, '{}')), /json a 1 was expected, found none/);
});

test('an array of another length is a mismatch', () => {
  assert.match(String(mismatch({ json: [1] }, '[1,2]')), /json \[1\] was expected, found \[1,2\]/);
});

test('null is an expectation like any other', () => {
  assert.equal(mismatch({ json: null }, 'null'), undefined);
  assert.match(String(mismatch({ json: null }, '0')), /null was expected, found 0/);
});

test('an answer that is no JSON is a mismatch where JSON is expected', () => {
  assert.match(String(mismatch({ json: {} }, '<html>')), /JSON was expected, found "<html>"/);
});

test('a text must be the whole body', () => {
  assert.equal(mismatch({ text: 'hello' }, 'hello'), undefined);
  assert.match(String(mismatch({ text: 'hello' }, 'hello\n')), /"hello" was expected, found "hello\\n"/);
});

test('a key of the prototype does not count as one of the answer', () => {
  assert.match(String(mismatch({ json: { toString: 1 } }, '{}')), /found none/);
});
