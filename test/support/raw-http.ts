// HTTP as bytes on a socket, for what well-behaved clients never send.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export class RawConnection {
  readonly socket: Socket;
  #received = '';
  #state: 'open' | 'closed' = 'open';

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => { this.#received += chunk.toString('latin1'); });
    socket.on('error', () => undefined); // a reset is an end like any other
    socket.on('close', () => { this.#state = 'closed'; });
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  /** All that has arrived and was not taken as an answer. */
  get received(): string {
    return this.#received;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Takes the next answer that has a Content-Length. */
  async answer(): Promise<RawAnswer> {
    for (;;) {
      const answer = this.#take();
      if (answer !== undefined) return answer;
      if (this.#state === 'closed') throw new Error(`closed before an answer was whole: ${JSON.stringify(this.#received.slice(0, 500))}`);
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')]);
    }
  }

  async closed(): Promise<void> {
    if (this.#state === 'open') await once(this.socket, 'close');
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take(): RawAnswer | undefined {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end === -1) return undefined;
    const [first = '', ...lines] = this.#received.slice(0, end).split('\r\n');
    const headers = Object.fromEntries(lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }));
    const length = Number(headers['content-length'] ?? 0);
    const body = this.#received.slice(end + 4, end + 4 + length);
    if (body.length < length) return undefined;
    this.#received = this.#received.slice(end + 4 + length);
    return { status: Number(first.split(' ')[1]), headers, body };
  }
}
