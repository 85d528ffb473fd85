// A host process without engines and functions, for tests of the supervisor: takes requests on the descriptors
// that it was given, and misbehaves as its path or FAKE_HOST says. Each step is a JSON line on standard output.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HostLink } from '../../runtime/supervisor/host-link.ts';

const held: ServerResponse[] = [];
let taken = 0;

function say(event: string, fields: object = {}): void {
  process.stdout.write(`${JSON.stringify({ event: `fake.${event}`, pid: process.pid, ...fields })}\n`);
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  taken += 1;
  switch (request.url) {
    case '/hold':
      held.push(response);
      say('held', { held: held.length });
      return;
    case '/hang':
      response.end(() => {
        for (;;);
      });
      return;
    case '/block':
      // In native code, where no script that the engine would interrupt runs.
      response.end(() => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
      return;
    case '/lost':
      link.giveUp('lost its device');
      return;
    default:
      response.end(String(process.pid));
  }
}

const link = await HostLink.connect();
const { ingress, admin, backlog, port, adminPort } = link.descriptors;
const misbehaviour = process.env['FAKE_HOST'] ?? '';
say('up', { port, adminPort, lastDeath: link.lastDeath });

const servers = [...ingress, admin].map((fd) => ({ fd, server: createServer(serve) }));
if (misbehaviour !== 'deaf') {
  link.onStop(() => {
    for (const { server } of servers) server.close();
    link.released();
    for (const response of held) response.setHeader('connection', 'close').end('drained');
    for (const { server } of servers) server.closeIdleConnections();
    process.once('exit', () => say('ended', { taken }));
    link.close();
  });
}

if (misbehaviour === 'fatal') link.fatal(new Error('the fake store is corrupt'), 7);
else if (misbehaviour === 'exit') process.exit(3);
// A stop during the start refuses the claim: then there is nothing to listen to.
else listen().catch(() => say('refused'));

async function listen(): Promise<void> {
  // The second host waits to be told: SIGUSR2.
  if (misbehaviour === 'slow-restart' && link.lastDeath !== undefined) await new Promise((resolve) => process.once('SIGUSR2', resolve));
  await link.claim();
  await Promise.all(servers.map(({ fd, server }) => new Promise<void>((resolve) => server.listen({ fd }, backlog, resolve))));
  link.ready();
  say('ready');
}
