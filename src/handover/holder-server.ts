import type { Socket } from 'node:net';
import type { HolderGreeting } from './messages.ts';
import { parseSuccessor } from './messages.ts';
import { LineConnection } from './line-connection.ts';

/** A successor answers at once. */
const SUCCESSOR_TIMEOUT_MS = 2_000;

/** Far more drivers than can start on a node at once; what comes beyond is closed unheard. */
const CONNECTIONS_MAX = 16;

/** What the server says and calls. */
export interface HolderServerOptions {
  readonly greet: () => HolderGreeting;
  /** Name of this driver's own endpoint, which is not a successor's. */
  readonly ownEndpoint: string;
  /** Hands the node over; resolves with whether it went to this successor, not to one that asked before. */
  readonly handOver: (endpoint: string) => Promise<boolean>;
}

/**
 * Answers drivers that want the node. The holder says who it is in a line of JSON; the successor answers
 * `{"endpoint"}`, and the holder `{"released":true}` when it has left the node. Of several successors one hears that,
 * and the others find that one in the holder's place.
 */
export class HolderServer {
  readonly #options: HolderServerOptions;
  #connections = 0;

  constructor(options: HolderServerOptions) {
    this.#options = options;
  }

  /** Serves one connection. */
  async serve(socket: Socket): Promise<void> {
    if (this.#connections >= CONNECTIONS_MAX) return void socket.destroy();
    this.#connections += 1;
    socket.once('close', () => (this.#connections -= 1));
    const lines = new LineConnection(socket);
    try {
      await this.#answer(lines);
    } finally {
      lines.end();
    }
  }

  async #answer(lines: LineConnection): Promise<void> {
    const { greet, ownEndpoint, handOver } = this.#options;
    lines.send(greet());
    const line = await lines.next(SUCCESSOR_TIMEOUT_MS);
    const endpoint = line.kind === 'line' ? parseSuccessor(line.text) : undefined;
    if (endpoint === undefined || endpoint === ownEndpoint) return;
    if (await handOver(endpoint)) lines.send({ released: true });
  }
}
