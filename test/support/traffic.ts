// Clients with kept connections that ask the same again and again until they are stopped; every answer is kept to be looked at.
import { Agent, request } from 'node:http';

export interface TrafficAnswer {
  /** Status, or the code of the failure: ECONNRESET. */
  readonly result: number | string;
  /** `Pilotlight-Version` */
  readonly version: string;
  /** `Pilotlight-Start` */
  readonly start: string;
  readonly body: string;
}

export interface TrafficOptions {
  readonly clients: number;
  readonly method?: string;
  readonly body?: string;
}

export class Traffic {
  readonly answers: TrafficAnswer[] = [];
  readonly #agent: Agent;
  readonly #ended: Promise<unknown>;
  readonly #waiters: { readonly count: number; readonly resolve: () => void }[] = [];
  #state: 'running' | 'stopping' = 'running';

  constructor(url: string, { clients, method = 'GET', body }: TrafficOptions) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: clients });
    this.#ended = Promise.all(Array.from({ length: clients }, async () => {
      while (this.#state === 'running') this.#keep(await ask(this.#agent, url, method, body));
    }));
  }

  /** Resolves after so many more answers. */
  more(count: number): Promise<void> {
    return new Promise((resolve) => this.#waiters.push({ count: this.answers.length + count, resolve }));
  }

  /** Waits for the answers that are due. */
  async stop(): Promise<readonly TrafficAnswer[]> {
    this.#state = 'stopping';
    await this.#ended;
    this.#agent.destroy();
    return this.answers;
  }

  #keep(answer: TrafficAnswer): void {
    this.answers.push(answer);
    for (const { count, resolve } of this.#waiters) if (count === this.answers.length) resolve();
  }
}

function ask(agent: Agent, url: string, method: string, sent: string | undefined): Promise<TrafficAnswer> {
  return new Promise((resolve) => {
    const asking = request(url, { agent, method }, (response) => {
      const { 'pilotlight-version': version, 'pilotlight-start': start } = response.headers;
      let body = '';
      const end = (result: number | string): void => resolve({ result, body, version: String(version), start: String(start) });
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.once('end', () => end(response.statusCode ?? 0)).once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    });
    asking.once('error', (error: NodeJS.ErrnoException) => resolve({ result: error.code ?? error.message, version: '', start: '', body: '' }));
    asking.end(sent);
  });
}
