// The first module of an ingress thread.
import { parentPort, workerData } from 'node:worker_threads';
import { describeThrown } from '../errors.ts';
import { Ingress } from './ingress.ts';
import type { FromIngress, IngressSetup, ToIngress } from './orders.ts';
import { openSink } from './record-sink.ts';

async function main(): Promise<void> {
  if (parentPort === null) throw new Error('bug: an ingress thread runs in a worker thread only');
  const control = parentPort;
  const setup = workerData as IngressSetup;
  const tell = (news: FromIngress): void => control.postMessage(news);
  try {
    const sink = await openSink(setup.sink, setup.index, (message) => tell({ kind: 'sink', message }));
    const ingress = new Ingress(setup, sink, tell);
    if (setup.privatePath !== undefined) await ingress.listen({ path: setup.privatePath }, 'private');
    control.on('message', (order: ToIngress) => ingress.obey(order));
    tell({ kind: 'started' });
  } catch (error) {
    tell({ kind: 'refused', reason: describeThrown(error), code: (error as NodeJS.ErrnoException).code });
  }
}

await main();
