// The handler of an isolate, imported, with all that its invocations share.
import { pathToFileURL } from 'node:url';
import { describeThrown } from '../errors.ts';
import { versionLabel } from '../function.ts';
import type { Handler } from '../sdk.ts';
import type { Engines } from './bound-model.ts';
import type { IsolateLog, LogScope } from './isolate-log.ts';
import type { IsolateUse } from './isolate-use.ts';
import type { IsolateSetup } from './setup.ts';

export class LoadedHandler {
  readonly handler: Handler;
  readonly setup: IsolateSetup;
  readonly label: string;
  readonly engines: Engines | undefined;
  readonly log: IsolateLog;
  readonly #use: IsolateUse;
  readonly #outliving = new Set<Promise<unknown>>();

  constructor(handler: Handler, setup: IsolateSetup, engines: Engines | undefined, { log, use }: { readonly log: IsolateLog; readonly use: IsolateUse }) {
    this.handler = handler;
    this.setup = setup;
    this.label = versionLabel({ name: setup.function, version: setup.version });
    this.engines = engines;
    this.log = log;
    this.#use = use;
  }

  /** Work that goes on after its answer, for as long as a request of the function may take. */
  outlive(work: Promise<unknown>, scope: LogScope): void {
    const { timeoutMs } = this.setup.limits;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.log.write('warn', `work given to waitUntil has not ended after ${timeoutMs} ms and is no longer waited for`, scope);
        resolve();
      }, timeoutMs);
    });
    const failed = (error: unknown): void => this.log.write('error', `work given to waitUntil failed: ${describeThrown(error)}`, scope);
    const bounded: Promise<unknown> = Promise.race([Promise.resolve(work).catch(failed), late]).finally(() => {
      clearTimeout(timer);
      this.#outliving.delete(bounded);
      this.#use.leave();
    });
    this.#outliving.add(bounded);
    this.#use.enter();
  }

  /** Resolves when nothing given to waitUntil is left. */
  async quiet(): Promise<void> {
    while (this.#outliving.size > 0) await Promise.all(this.#outliving);
  }
}

/** Imports the bundle; throws what would make the version unfit to serve. */
export async function importHandler(setup: IsolateSetup): Promise<Handler> {
  const url = pathToFileURL(setup.handlerFile);
  url.searchParams.set('version', setup.version);
  const module: unknown = await import(url.href);
  const handler = (module as { default?: unknown }).default;
  if (handler === undefined) throw new Error('the handler has no default export; export default { fetch(request, env, context) { ... } } would do');
  if (typeof (handler as { fetch?: unknown } | null)?.fetch !== 'function') {
    throw new Error('the default export has no fetch function; export default { fetch(request, env, context) { ... } } or a Hono app would do');
  }
  return handler as Handler;
}
