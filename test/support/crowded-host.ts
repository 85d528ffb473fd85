// A data plane in a process of its own, for tests that use up its descriptors: prints its address, then stays.
import { HandlerHost } from './handler-host.ts';

const host = await HandlerHost.open({ connectionsMax: 10_000 });
await host.serve(`export default { fetch: () => new Response('fine') };`, { name: 'hello', routes: ['/hello'] });
process.stdout.write(`${host.url}\n`);
