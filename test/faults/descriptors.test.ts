import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { RawConnection } from '../support/raw-http.ts';

test('fault 54: a host whose descriptors are used up serves the connections it has and recovers when some are free', async () => {
  const script = fileURLToPath(new URL('../support/crowded-host.js', import.meta.url));
  const child = spawn('/bin/sh', ['-c', `ulimit -n 128; exec "${process.execPath}" "${script}"`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  try {
    const [line] = await once(child.stdout, 'data') as [Buffer];
    const url = line.toString().trim();
    const first = await RawConnection.open(url);
    const crowd = await Promise.all(Array.from({ length: 200 }, () => RawConnection.open(url)));
    first.send('GET /hello HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await first.answer()).status, 200, 'a connection from before the crowd is served');
    await Promise.any(crowd.map((connection) => connection.closed()));
    for (const connection of crowd) connection.destroy();
    let status = 0;
    while (status !== 200) {
      const after = await RawConnection.open(url);
      after.send('GET /hello HTTP/1.1\r\nHost: a\r\n\r\n');
      status = await after.answer().then((answer) => answer.status, () => 0);
      after.destroy();
    }
    assert.equal(child.exitCode, null);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
});
