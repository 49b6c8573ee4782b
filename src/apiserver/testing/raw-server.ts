import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

interface TestContext {
  after(end: () => void | Promise<void>): void;
}

/** A server that answers whatever bytes a test likes. */
export interface RawServer {
  readonly url: string;
  /** The connections that were opened so far. */
  readonly connectionCount: number;
}

/**
 * Starts a server that gives each request's first line to `answer`, which writes to the connection what it likes, for as long as it
 * likes.
 */
export async function startRawServer(
  t: TestContext,
  answer: (socket: Socket, requestLine: string) => void,
): Promise<RawServer> {
  const sockets = new Set<Socket>();
  let connectionCount = 0;
  const server = createServer((socket) => {
    connectionCount += 1;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      const [line = ''] = bytes.toString('latin1').split('\r\n');
      answer(socket, line);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    get connectionCount() {
      return connectionCount;
    },
  };
}

/** The head of an answer with a body of unknown length. */
export function chunkedHead(contentType = 'application/json'): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: ${contentType}\r\nTransfer-Encoding: chunked\r\n\r\n`;
}

/** One chunk of a chunked body. */
export function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

/** Writes a whole answer. */
export function reply(socket: Socket, status: number, body: string, contentType = 'application/json'): void {
  const head = `HTTP/1.1 ${status} X\r\nContent-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  socket.write(head + body);
}

/** Writes a text again and again, as fast as it is read, until the connection ends. */
export function flood(socket: Socket, text: string): void {
  const write = () => {
    while (!socket.destroyed && socket.write(text));
  };
  socket.on('drain', write);
  write();
}

/** Writes a text every few milliseconds until the connection ends. */
export function drip(socket: Socket, text: string, intervalMs = 5): void {
  const timer = setInterval(() => socket.write(text), intervalMs);
  socket.on('close', () => clearInterval(timer));
}
