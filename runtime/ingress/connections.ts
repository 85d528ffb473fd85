// The connections of a server that have not carried a request: Node counts them neither as idle nor as busy, so closing
// must end them itself.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { SlotTable } from '../isolates/slot-table.ts';

export class Connections {
  readonly #server: Server;
  readonly #sockets = new SlotTable<Socket>();

  constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      const id = this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.take(id));
    });
  }

  /** Ends those that wait for a first or another request. */
  closeIdle(): void {
    this.#server.closeIdleConnections();
    for (const socket of this.#sockets.items()) {
      if (socket.bytesRead === 0) socket.destroy();
    }
  }
}
