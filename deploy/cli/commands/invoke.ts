// `pilotlight invoke NAME|PATH`: one request to a function, with its answer as it came. What went with the answer (status,
// version, start, times) is shown by --verbose.
import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import type { Command } from 'commander';
import type { FunctionView } from '../../admin/view-routes.ts';
import { parseRoute } from '../../manifest/route.ts';
import { CliFailure } from '../cli-failure.ts';
import { clientConfig, localAddress, type HostOptions } from '../find-admin.ts';
import { connect, withHostOptions } from '../host-command.ts';
import type { Terminal } from '../terminal.ts';

interface InvokeOptions extends HostOptions {
  readonly data?: string;
  readonly method?: string;
  readonly header?: readonly string[];
  readonly url?: string;
  readonly verbose?: boolean;
}

interface Target {
  readonly method: string | undefined;
  readonly path: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.json': 'application/json', '.txt': 'text/plain; charset=utf-8', '.png': 'image/png', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg',
};

export function addInvoke(program: Command, terminal: Terminal): void {
  withHostOptions(program.command('invoke'))
    .summary('send one request to a function')
    .argument('<target>', 'name of a function (its first route) or a path that begins with /')
    .option('-d, --data <data>', 'body of the request; @file sends a file, @- standard input')
    .option('-X, --method <method>', 'method (default: the route\'s; else GET, or POST with a body)')
    .option('-H, --header <header...>', 'a header, "name: value"')
    .option('--url <url>', 'where functions answer (default: the address in the settings)')
    .option('-v, --verbose', 'show status and headers too')
    .addHelpText('after', '\nExamples:\n  pilotlight invoke digits --data @functions/digits/samples/3-001.png -v\n  pilotlight invoke /hello/Ada\n')
    .action(async (target: string, options: InvokeOptions) => {
      const found = target.startsWith('/') ? { method: undefined, path: target } : await firstRoute(target, options, terminal);
      const body = options.data === undefined ? undefined : await readBody(options.data, terminal);
      const response = await send(found, body, options, terminal);
      if (options.verbose === true) showHead(response, terminal);
      for await (const chunk of response.body ?? []) terminal.out(chunk as Uint8Array);
      if (!response.ok) throw new CliFailure(`${target} was answered ${response.status}${response.statusText === '' ? '' : ` ${response.statusText}`}`);
    });
}

async function firstRoute(name: string, options: InvokeOptions, terminal: Terminal): Promise<Target> {
  const { functions } = await connect(options, terminal).json<{ functions: readonly FunctionView[] }>('GET', '/v1/functions');
  const found = functions.find((one) => one.name === name);
  const names = functions.map((one) => one.name).join(', ') || 'nothing';
  if (found === undefined) throw new CliFailure(`no function ${name} is deployed there, but ${names}; a path begins with /`);
  const plain = found.routes.map(parseRoute).find(({ path }) => !/[:*]/.test(path));
  if (plain === undefined) throw new CliFailure(`every route of ${name} has parameters (${found.routes.join(', ')}); name a path, like /hello/Ada`, 2);
  return plain;
}

interface Body {
  readonly bytes: Uint8Array;
  readonly type: string;
}

async function readBody(data: string, terminal: Terminal): Promise<Body> {
  if (!data.startsWith('@')) return { bytes: Buffer.from(data), type: isJson(data) ? 'application/json' : 'text/plain; charset=utf-8' };
  const name = data.slice(1);
  if (name === '-') {
    const chunks: Uint8Array[] = [];
    for await (const chunk of terminal.input) chunks.push(chunk);
    return { bytes: Buffer.concat(chunks), type: 'application/octet-stream' };
  }
  const file = resolve(terminal.folder, name);
  try {
    return { bytes: await readFile(file), type: TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream' };
  } catch (error) {
    throw new CliFailure(`--data @${name}: cannot read ${file} (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, 1, error);
  }
}

async function send({ method, path }: Target, body: Body | undefined, options: InvokeOptions, terminal: Terminal): Promise<Response> {
  const headers = new Headers(body === undefined ? {} : { 'content-type': body.type });
  for (const header of options.header ?? []) {
    const colon = header.indexOf(':');
    if (colon < 1) throw new CliFailure(`--header ${JSON.stringify(header)} has no colon; write it like "accept: text/plain"`, 2);
    headers.set(header.slice(0, colon).trim(), header.slice(colon + 1).trim());
  }
  const { host, port } = clientConfig(options, terminal);
  const base = options.url ?? localAddress(host, port);
  try {
    return await fetch(new URL(path, base), {
      method: options.method?.toUpperCase() ?? method ?? (body === undefined ? 'GET' : 'POST'),
      headers, redirect: 'manual', signal: terminal.interrupted(), ...(body === undefined ? {} : { body: body.bytes as Uint8Array<ArrayBuffer> }),
    });
  } catch (error) {
    if (terminal.interrupted().aborted) throw error;
    throw new CliFailure(`no host answers at ${base} (${path}); start one with \`pilotlight serve\`, or name another with --url`, 1, error);
  }
}

function showHead(response: Response, { err, paint }: Terminal): void {
  err(`${paint.strong(`${response.status} ${response.statusText}`.trimEnd())}\n`);
  for (const [name, value] of response.headers) err(`${paint.faint(`${name}:`)} ${value}\n`);
  err('\n');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
