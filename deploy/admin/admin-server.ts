// The listener of the admin API: on a descriptor that the supervisor holds, or on an address of its own. A caller who is
// silent is let go; a long upload or a followed deploy is not.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { PilotlightError } from '../../runtime/errors.ts';

export type AdminServerOptions = { readonly app: Hono } & (
  | { readonly descriptor: number; readonly backlog: number }
  | { readonly host: string; readonly port: number }
);

export interface AdminServer {
  readonly port: number;
  /** Takes no new requests; cuts what has not ended after `deadlineMs`, by default at once. Calling it twice is harmless. */
  close(deadlineMs?: number): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 65_000;
/** No byte either way: followed rollouts send a heartbeat far more often. */
const SILENCE_MS = 120_000;
const CONNECTIONS_MAX = 256;

/** Rejects BAD_SETTING when the address cannot be had. */
export async function openAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const server = createAdaptorServer({
    fetch: options.app.fetch,
    createServer,
    // A blob of many GiB takes as long as it takes: `SILENCE_MS` bounds it, not its length.
    serverOptions: { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS },
  }) as Server;
  server.maxConnections = CONNECTIONS_MAX;
  server.setTimeout(SILENCE_MS);
  // Node takes the queue's length of a descriptor as an argument only.
  if ('descriptor' in options) server.listen({ fd: options.descriptor }, options.backlog);
  else server.listen({ host: options.host, port: options.port });
  try {
    await once(server, 'listening');
  } catch (error) {
    const place = 'descriptor' in options ? `the descriptor ${options.descriptor}` : `${options.host}:${options.port}`;
    const reason = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'something else listens there already; set adminPort' : String(error);
    throw new PilotlightError('BAD_SETTING', `the admin API cannot listen on ${place}: ${reason}`, { cause: error });
  }
  const address = server.address();
  return {
    port: typeof address === 'object' ? (address as AddressInfo).port : 0,
    close: (deadlineMs = 0) => closeServer(server, deadlineMs),
  };
}

async function closeServer(server: Server, deadlineMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), deadlineMs);
  try {
    await closed;
  } finally {
    clearTimeout(cut);
  }
}
