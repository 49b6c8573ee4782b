import { type AddressInfo, createServer, type Server } from 'node:net';
import { errorText, type Log } from '../lib/log.ts';
import { AnswerTurns } from './answer-turns.ts';
import { Connection, type ConnectionHost, type ReadHead, SMALL_REPLY_MAX_BYTES } from './connection.ts';
import { ConnectionTable } from './connection-table.ts';
import { type HttpReply, textReply } from './http-reply.ts';
import { type HttpAddress, toListenError } from './http-server-error.ts';
import { SharedReplies } from './shared-replies.ts';

/** Answers GET and HEAD requests of one path. */
export type HttpRoute = (url: URL) => HttpReply | Promise<HttpReply>;

/** What an HTTP server needs. */
export interface HttpServerOptions {
  readonly bindAddress: HttpAddress;
  /** Routes by path, such as "/metrics". */
  readonly routes: Readonly<Record<string, HttpRoute>>;
  readonly log: Log;
}

/** Clients that wait for the server to accept them; the kernel makes others try again a second later. */
const BACKLOG = 1_024;

/** Small answers per turn: some 2,000 per second, for a tenth of a CPU. */
const SMALL_PER_TURN = 2;

const METHODS: readonly string[] = ['GET', 'HEAD'];

/** A small HTTP server of fixed routes, for probes, metrics and pages. May be started again after it was stopped. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #connections = new ConnectionTable<Connection>(() => performance.now());
  readonly #replies = new SharedReplies<Connection>({
    onReply: (connection, reply) => this.#send(connection, reply),
    onFailure: (error) => this.#fail(error),
  });
  readonly #smallTurns = new AnswerTurns<Connection>({
    perTurn: SMALL_PER_TURN,
    send: (connection, reply) => {
      connection.send(reply);
      return 'sent';
    },
  });
  readonly #largeTurns = new AnswerTurns<Connection>({
    perTurn: 1,
    send: (connection, reply) => {
      if (!this.#connections.hasRoomFor(reply.body.length)) return 'wait';
      connection.send(reply);
      return 'sent';
    },
  });
  readonly #host: ConnectionHost = {
    onRequest: (connection, request) => this.#answer(connection, request),
    onState: (connection) => this.#connections.update(connection),
    onClosed: (connection) => this.#forget(connection),
    now: () => performance.now(),
  };
  #server: Server | undefined;
  #starting: Promise<AddressInfo> | undefined;

  constructor(options: HttpServerOptions) {
    this.#options = options;
  }

  /**
   * Listens; a second call while it runs changes nothing.
   * @returns the address that was bound, with the port the kernel chose where 0 was asked for.
   * @throws HttpServerError when the address cannot be had.
   */
  async start(): Promise<AddressInfo> {
    this.#starting ??= this.#listen();
    try {
      return await this.#starting;
    } catch (error) {
      this.#starting = undefined;
      throw error;
    }
  }

  /** Stops listening and ends open connections. May be called twice, or without a start. */
  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    const server = this.#server;
    this.#server = undefined;
    this.#starting = undefined;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    this.#connections.dropAll();
    await closed;
  }

  #listen(): Promise<AddressInfo> {
    const { bindAddress, log } = this.#options;
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#connections.add(new Connection(socket, this.#host)),
    );
    const { promise, resolve, reject } = Promise.withResolvers<AddressInfo>();
    const refuse = (error: Error) => reject(toListenError(error, bindAddress));
    server.once('error', refuse);
    server.listen({ ...bindAddress, backlog: BACKLOG }, () => {
      server.off('error', refuse);
      server.on('error', (error) => log.error('HTTP server failed', { reason: error.message }));
      this.#server = server;
      // A TCP server's address is an object; only sockets in the file system have a text.
      resolve(server.address() as AddressInfo);
    });
    return promise;
  }

  #answer(connection: Connection, request: ReadHead): void {
    try {
      const reply = this.#reply(request);
      if (reply instanceof Promise) this.#replies.add(connection, reply);
      else this.#send(connection, reply);
    } catch (error) {
      this.#send(connection, this.#fail(error));
    }
  }

  #send(connection: Connection, reply: HttpReply): void {
    if (reply.body.length > SMALL_REPLY_MAX_BYTES) this.#largeTurns.add(connection, reply);
    // Probes must be answered before their connection gives way to the next.
    else if (this.#connections.isCrowded) connection.send(reply);
    else this.#smallTurns.add(connection, reply);
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    this.#replies.delete(connection);
    this.#smallTurns.delete(connection);
    this.#largeTurns.delete(connection);
  }

  #fail(error: unknown): HttpReply {
    this.#options.log.error('HTTP request failed', { reason: errorText(error) });
    return textReply(500, `${errorText(error)}\n`);
  }

  #reply(request: ReadHead): HttpReply | Promise<HttpReply> {
    if (request.kind === 'refused') return textReply(request.status, `${request.reason}\n`);
    const { method, target, hasBody } = request.head;
    if (hasBody) return textReply(413, 'no request here has a body\n');
    const { routes } = this.#options;
    const url = URL.parse(target, 'http://localhost');
    const route = url && Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined;
    if (!url || !route) return textReply(404, `no such page; there are ${Object.keys(routes).join(', ')}\n`);
    if (METHODS.includes(method)) return route(url);
    const allow = METHODS.join(', ');
    return { ...textReply(405, `want one of ${allow}\n`), allow };
  }
}
