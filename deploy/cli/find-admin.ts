// Which host a command talks to, and with which token. A token goes only where nobody can listen: to this machine or over https.
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { readConfig, type Config } from '../../runtime/config.ts';
import { CliFailure } from './cli-failure.ts';
import type { Terminal } from './terminal.ts';

export interface HostOptions {
  /** Address of the admin API. */
  readonly admin?: string;
  readonly store?: string;
  readonly config?: string;
}

export interface FoundAdmin {
  readonly url: URL;
  readonly token: string;
}

/** The settings as `pilotlight serve` would read them here. */
export function clientConfig({ store, config }: HostOptions, { env, folder }: Pick<Terminal, 'env' | 'folder'>): Config {
  const flags = { ...(store === undefined ? {} : { store }), ...(config === undefined ? {} : { config }) };
  return readConfig({ flags, env, folder }).config;
}

export function findAdmin(options: HostOptions, terminal: Pick<Terminal, 'env' | 'folder'>): FoundAdmin {
  const named = options.admin ?? (terminal.env['PILOTLIGHT_ADMIN'] || undefined);
  const config = clientConfig(options, terminal);
  const url = parseAdmin(named ?? localAddress(config.adminHost, config.adminPort));
  return { url, token: terminal.env['PILOTLIGHT_TOKEN'] || storedToken(config.store, url) };
}

/** An address that a host listens on, as somebody on the same machine reaches it. */
export function localAddress(host: string, port: number): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${isIP(reachable) === 6 ? `[${reachable}]` : reachable}:${port}`;
}

function parseAdmin(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new CliFailure(`--admin ${text} is no address; write it like http://127.0.0.1:8788 or https://gpu1.example:8788`, 2);
  }
  if (url.protocol === 'http:' && !isOfThisMachine(url)) {
    throw new CliFailure(`--admin ${text} would send the token in the clear; use https, or a tunnel: ssh -L 8788:127.0.0.1:8788 ${url.hostname}`, 2);
  }
  return url;
}

/** Nothing that is sent to such an address leaves the machine. */
function isOfThisMachine({ hostname }: URL): boolean {
  if (hostname === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(hostname)) return true;
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return address === '::1' || Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address));
}

function storedToken(store: string, url: URL): string {
  if (!isOfThisMachine(url)) {
    throw new CliFailure(`${url.origin} is another machine's host: give its token in PILOTLIGHT_TOKEN (there it stands in the store, in the file token)`);
  }
  const file = join(store, 'token');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new CliFailure(
      `there is no token: PILOTLIGHT_TOKEN is not set and ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}); ` +
      'start a host here with `pilotlight serve`, or name its store with --store', 1, error);
  }
}
