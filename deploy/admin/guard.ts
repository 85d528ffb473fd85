// Who may use the admin API: somebody with the token, through an address that is this host's, and no web page of another
// origin. A browser that was talked into calling us (CSRF, DNS rebinding) fails before the token is looked at.
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { createMiddleware } from 'hono/factory';
import { PilotlightError } from '../../runtime/errors.ts';

export interface GuardOptions {
  readonly token: string;
  /** Names in a Host header that mean this host, besides localhost and plain addresses. */
  readonly hostNames: readonly string[];
}

export function guard({ token, hostNames }: GuardOptions) {
  const names = new Set(['localhost', ...hostNames.map((name) => name.toLowerCase())]);
  const wanted = digest(token);
  return createMiddleware(async (context, next) => {
    const host = context.req.header('host') ?? '';
    refuseForeignHost(host, names);
    refuseForeignOrigin(context.req.header('origin'), context.req.header('sec-fetch-site'), host);
    refuseWrongToken(context.req.header('authorization'), wanted);
    refuseEncodedBody(context.req.header('content-encoding'));
    await next();
  });
}

/** A rebound name is the attacker's, never an address: addresses and our own names are all that a caller can mean. */
function refuseForeignHost(host: string, names: ReadonlySet<string>): void {
  const name = hostName(host);
  if (name !== undefined && (isIP(name) !== 0 || names.has(name))) return;
  throw new PilotlightError('FORBIDDEN',
    `the Host header ${JSON.stringify(host)} does not name this host; use its address, localhost or one of its names (${[...names].join(', ')})`);
}

function hostName(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:/@[\]\s]+))(?::\d{1,5})?$/i.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

function refuseForeignOrigin(origin: string | undefined, site: string | undefined, host: string): void {
  const isOwn = origin === undefined || originHost(origin) === host.toLowerCase();
  if (isOwn && site !== 'cross-site' && site !== 'same-site') return;
  throw new PilotlightError('FORBIDDEN', `a page of ${origin ?? 'another site'} may not call the admin API of ${host}`);
}

function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function refuseWrongToken(authorization: string | undefined, wanted: Buffer): void {
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (given !== undefined && timingSafeEqual(digest(given), wanted)) return;
  const found = given === undefined ? 'there is none' : 'it is not this host\'s';
  throw new PilotlightError('NO_TOKEN', `the admin API needs a bearer token and ${found}; the CLI takes it from PILOTLIGHT_TOKEN or the store of the host`);
}

/** A small compressed body can be an endless one; digests and sizes are told of plain bytes. */
function refuseEncodedBody(encoding: string | undefined): void {
  if (encoding === undefined || encoding === 'identity') return;
  throw new PilotlightError('BAD_REQUEST', `Content-Encoding ${JSON.stringify(encoding)} is not taken here; send the bytes as they are`);
}

/** Digests have one length, which comparing in constant time needs. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
