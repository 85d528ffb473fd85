// The first module of an isolate's thread: imports the handler, says ready or unfit, then serves the ports it is given.
// A rejection that nobody handled is logged and the isolate stays; an uncaught exception ends the thread, as V8 leaves it.
import { parentPort, workerData } from 'node:worker_threads';
import type { EngineClient } from '../engine/port.ts';
import { describeThrown } from '../errors.ts';
import type { Engines } from './bound-model.ts';
import { ControlLine } from './control-line.ts';
import { installGlobals } from './globals.ts';
import { IngressPort } from './ingress-port.ts';
import { IsolateLog } from './isolate-log.ts';
import { importHandler, LoadedHandler } from './loaded-handler.ts';
import { IsolateUse } from './isolate-use.ts';
import { watchMemory } from './memory-gauge.ts';
import type { EngineModule, IsolateThreadSetup, ToIsolate } from './setup.ts';

const MIB = 1024 * 1024;

async function openEngines(module: EngineModule, line: ControlLine): Promise<Engines> {
  const { openEngineClient } = (await import(module.url)) as { openEngineClient(settings: unknown): EngineClient | Promise<EngineClient> };
  const client = await openEngineClient(module.settings);
  return { client, acquire: (key, binding) => line.acquire(key, binding) };
}

async function load(setup: IsolateThreadSetup, line: ControlLine, log: IsolateLog): Promise<LoadedHandler> {
  const engines = setup.engine !== undefined && setup.models.length > 0 ? await openEngines(setup.engine, line) : undefined;
  return new LoadedHandler(await importHandler(setup), setup, engines, { log, use: new IsolateUse(setup.use) });
}

async function close(loaded: LoadedHandler, line: ControlLine): Promise<void> {
  await loaded.quiet();
  loaded.log.flush();
  line.tell({ kind: 'closed' });
}

async function main(): Promise<void> {
  if (parentPort === null) throw new Error('bug: the entry of an isolate runs in a worker thread only');
  const setup = workerData as IsolateThreadSetup;
  const line = new ControlLine(parentPort);
  const log = new IsolateLog((lines, dropped) => line.tellLog(lines, dropped));
  installGlobals(log);
  process.on('unhandledRejection', (reason) => {
    log.write('error', `unhandled rejection: ${reason instanceof Error ? reason.stack ?? reason.message : describeThrown(reason)}`);
  });
  process.on('exit', () => log.flush());

  const loaded = await load(setup, line, log).catch((error: unknown) => {
    line.tell({ kind: 'unfit', reason: describeThrown(error) });
    return undefined;
  });
  if (loaded === undefined) return;
  watchMemory(setup.limits.heapMiB * MIB, new Int32Array(setup.pulse), (use) => line.tell({ kind: 'over-memory', ...use }));
  parentPort.on('message', (order: ToIsolate) => {
    if (order.kind === 'attach') new IngressPort(order.port, loaded);
    else if (order.kind === 'close') void close(loaded, line);
    else line.settle(order);
  });
  line.tell({ kind: 'ready' });
}

await main();
