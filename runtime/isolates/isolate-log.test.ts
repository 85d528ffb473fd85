import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IsolateLog, logConsole, requestScope } from './isolate-log.ts';
import type { LogLine } from './setup.ts';

const open = () => {
  const lines: LogLine[] = [];
  const state = { dropped: 0 };
  const log = new IsolateLog((more, dropped) => {
    lines.push(...more);
    state.dropped += dropped;
  });
  return { log, lines, state, console: logConsole(log) };
};

test('the console writes lines with their level, formatted as Node formats them', () => {
  const { log, lines, console } = open();
  console.log('a %s', 'b', { c: [1] });
  console.debug('d');
  console.warn('w');
  console.error(new Error('boom'));
  console.table([{ x: 1 }]);
  log.flush();
  assert.deepEqual(lines.map(({ level }) => level), ['info', 'debug', 'warn', 'error', 'info']);
  assert.equal(lines[0]?.text, 'a b { c: [ 1 ] }');
  assert.match(lines[3]?.text ?? '', /Error: boom\n +at /);
  assert.match(lines[4]?.text ?? '', /│ +x/i);
});

test('a line names the request in whose course it was written, also later', async () => {
  const { log, lines, console } = open();
  await Promise.all(['one', 'two'].map((requestId) => requestScope.run({ requestId, traceId: '' }, async () => {
    await new Promise((resolve) => { setImmediate(resolve); });
    console.log(requestId);
  })));
  console.log('nobody');
  log.flush();
  assert.deepEqual(lines.filter(({ requestId }) => requestId !== undefined).map(({ text, requestId }) => [text, requestId]), [['one', 'one'], ['two', 'two']]);
});

test('a handler that talks without end loses lines, not the host its memory', () => {
  const { log, lines, state } = open();
  for (let count = 0; count < 50_000; count += 1) log.write('info', 'again');
  log.write('info', 'x'.repeat(1_000_000));
  log.flush();
  assert.ok(lines.length <= 3000, `${lines.length} lines`);
  assert.equal(lines.length + state.dropped, 50_001);
  const other = open();
  other.log.write('info', 'x'.repeat(1_000_000));
  other.log.flush();
  assert.ok((other.lines[0]?.text.length ?? 0) < 9000);
});
