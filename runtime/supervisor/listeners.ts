// Opens the listening sockets, once for the life of the supervisor. It never closes them while hosts come and
// go, so that no connection is ever refused: whoever connects meanwhile waits in the kernel.
import type { Config } from '../config.ts';
import { flagOf } from '../config/settings.ts';
import { describeThrown, PilotlightError } from '../errors.ts';
import type { Sockets } from './sockets.ts';

/** Connections that may wait in the kernel, each listener; Linux cuts it to net.core.somaxconn (4096). */
export const BACKLOG = 4096;

export interface Listeners {
  readonly ingress: readonly number[];
  readonly admin: number;
  /** As bound: never 0. */
  readonly port: number;
  readonly adminPort: number;
}

type ListenerConfig = Pick<Config, 'host' | 'port' | 'adminHost' | 'adminPort' | 'ingressThreads'>;

export function openListeners(config: ListenerConfig, sockets: Sockets): Listeners {
  const opened: number[] = [];
  const open = (which: 'port' | 'adminPort', port: number, sharing: { reusePort: boolean; exclusive: boolean }): { fd: number; port: number } => {
    const host = which === 'port' ? config.host : config.adminHost;
    try {
      const listener = sockets.listenTcp(host, port, { backlog: BACKLOG, ...sharing });
      opened.push(listener.fd);
      return listener;
    } catch (error) {
      throw cannotListen(which, host, port, error);
    }
  };
  try {
    const isShared = config.ingressThreads > 1;
    const first = open('port', config.port, { reusePort: isShared, exclusive: true });
    const others = Array.from({ length: config.ingressThreads - 1 }, () => open('port', first.port, { reusePort: true, exclusive: false }));
    const admin = open('adminPort', config.adminPort, { reusePort: false, exclusive: true });
    return { ingress: [first.fd, ...others.map(({ fd }) => fd)], admin: admin.fd, port: first.port, adminPort: admin.port };
  } catch (error) {
    for (const fd of opened) sockets.closeDescriptor(fd);
    throw error;
  }
}

export function closeListeners(listeners: Listeners, sockets: Pick<Sockets, 'closeDescriptor'>): void {
  for (const fd of [...listeners.ingress, listeners.admin]) sockets.closeDescriptor(fd);
}

function cannotListen(which: 'port' | 'adminPort', host: string, port: number, error: unknown): PilotlightError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = explain(code, which) ?? describeThrown(error);
  return new PilotlightError('BAD_SETTING', `cannot listen on ${host} port ${port}: ${reason}`, { cause: error });
}

function explain(code: string, which: 'port' | 'adminPort'): string | undefined {
  const port = flagOf(which);
  const host = flagOf(which === 'port' ? 'host' : 'adminHost');
  switch (code) {
    case 'EADDRINUSE': return `the port is in use by another process; stop that one, or choose another port with ${port} (0 takes any free one)`;
    case 'EACCES': return `this user may not take the port; choose one over 1023 with ${port}`;
    case 'EADDRNOTAVAIL': return `no interface of this machine has this address; choose another with ${host} (0.0.0.0 for all)`;
    case 'ENOTFOUND': return `the host name has no address; choose another with ${host}`;
    default: return undefined;
  }
}
