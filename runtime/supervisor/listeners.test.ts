import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { closeListeners, openListeners } from './listeners.ts';
import { loadSockets } from './sockets.ts';
import type { Sockets } from './sockets.ts';

const sockets = loadSockets();
const CONFIG = { host: '127.0.0.1', port: 0, adminHost: '127.0.0.1', adminPort: 0, ingressThreads: 3 };

/** Sockets that fail at the n-th listener, and count what stays open. */
function failingAt(call: number, code: string): { sockets: Sockets; open: Set<number> } {
  const open = new Set<number>();
  let calls = 0;
  return {
    open,
    sockets: {
      ...sockets,
      listenTcp: (_host, port) => {
        calls += 1;
        if (calls === call) throw Object.assign(new Error(`bind: ${code}`), { code });
        open.add(calls);
        return { fd: calls, port: port || 4000 };
      },
      closeDescriptor: (fd) => void open.delete(fd),
    },
  };
}

test('one listener for each ingress thread on one port, and one for admin', () => {
  const listeners = openListeners(CONFIG, sockets);
  assert.equal(new Set([...listeners.ingress, listeners.admin]).size, 4);
  assert.ok(listeners.port > 0 && listeners.adminPort > 0 && listeners.port !== listeners.adminPort);
  closeListeners(listeners, sockets);
});

test('fault 55: a port that another host shares among its own listeners is in use all the same', () => {
  const first = openListeners(CONFIG, sockets);
  for (const ingressThreads of [1, 2]) {
    assert.throws(() => openListeners({ ...CONFIG, port: first.port, ingressThreads }, sockets), {
      code: 'BAD_SETTING',
      message: `cannot listen on 127.0.0.1 port ${first.port}: the port is in use by another process; `
        + 'stop that one, or choose another port with --port (0 takes any free one)',
    });
  }
  closeListeners(first, sockets);
  closeListeners(openListeners({ ...CONFIG, port: first.port }, sockets), sockets);
});

test('fault 55: each way in which a port cannot be had says what would do', () => {
  const table = [
    ['EACCES', 1, /port 0: this user may not take the port; choose one over 1023 with --port/],
    ['EADDRNOTAVAIL', 1, /no interface of this machine has this address; choose another with --host/],
    ['EADDRINUSE', 4, /choose another port with --admin-port/],
    ['ENOTFOUND', 4, /the host name has no address; choose another with --admin-host/],
    ['EMFILE', 2, /cannot listen on 127\.0\.0\.1 port 4000: bind: EMFILE/],
  ] as const;
  for (const [code, call, message] of table) {
    const failing = failingAt(call, code);
    assert.throws(() => openListeners(CONFIG, failing.sockets), message);
    assert.equal(failing.open.size, 0, `descriptors left open by ${code}`);
  }
});

test('every local address of this machine can be listened on, IPv6 ones too', () => {
  const local = Object.values(networkInterfaces()).flat().flatMap((address) => (address?.internal ? [address.address] : []));
  assert.ok(local.length > 0);
  for (const host of local) closeListeners(openListeners({ ...CONFIG, host, adminHost: host }, sockets), sockets);
});
