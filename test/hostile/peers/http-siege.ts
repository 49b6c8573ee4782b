import { connect, type Socket } from 'node:net';

/** How a siege is laid. */
export interface SiegeOptions {
  readonly kind: 'pipelined' | 'never reads' | 'idle' | 'slow headers' | 'garbage';
  readonly connections: number;
  /** Requests on each connection. */
  readonly requests: number;
  readonly path: string;
}

/** Clients that only want to keep a port busy. Ends when it is told to. */
export class HttpSiege {
  readonly #sockets: Socket[] = [];

  constructor(port: number, { kind, connections, requests, path }: SiegeOptions) {
    const request = `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
    for (let index = 0; index < connections; index += 1) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      this.#sockets.push(socket);
      if (kind === 'never reads') socket.pause();
      else socket.resume();
      if (kind === 'pipelined' || kind === 'never reads') socket.write(request.repeat(requests));
      if (kind === 'slow headers') socket.write('GET / HTTP/1.1\r\nx: ');
      if (kind === 'garbage') socket.write('\u0000\r\n'.repeat(requests));
    }
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
