import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorText, type Log } from '../lib/log.ts';

/** An answer to a request. */
export interface HttpReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Answers GET and HEAD requests of one path. */
export type HttpRoute = (url: URL) => HttpReply | Promise<HttpReply>;

/** Where the server listens; no host means every address, IPv4 and IPv6. */
interface HttpAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/** What an HTTP server needs. */
export interface HttpServerOptions {
  readonly bindAddress: HttpAddress;
  /** Routes by path, such as "/metrics". */
  readonly routes: Readonly<Record<string, HttpRoute>>;
  readonly log: Log;
}

/** Why no HTTP server could be started. */
export type HttpServerErrorCode = 'AddressInUse' | 'AddressNotAvailable' | 'PermissionDenied' | 'CannotListen';

/** The HTTP server cannot listen; the message names the flag that helps. */
export class HttpServerError extends Error {
  override readonly name = 'HttpServerError';

  readonly code: HttpServerErrorCode;

  constructor(code: HttpServerErrorCode, message: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** A text as an answer. */
export function textReply(status: number, body: string): HttpReply {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

// Limits. Probes and one or two scrapers are all the clients there are; times are those of the reference's server.
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 120_000;
const HEADERS_LENGTH_MAX_BYTES = 8_192;
const CONNECTIONS_MAX = 64;
/** How often Node looks for connections over their time. */
const TIMEOUT_CHECK_MS = 1_000;
const METHODS: readonly string[] = ['GET', 'HEAD'];

const LISTEN_ERRORS: ReadonlyMap<string, readonly [HttpServerErrorCode, string]> = new Map([
  ['EADDRINUSE', ['AddressInUse', 'another program listens there; choose another port with --bind-address']],
  ['EADDRNOTAVAIL', ['AddressNotAvailable', 'this machine has no such address; correct --bind-address']],
  ['ENOTFOUND', ['AddressNotAvailable', 'the host is not known; correct --bind-address']],
  ['EACCES', ['PermissionDenied', 'the port is for the privileged only; choose one over 1023 with --bind-address']],
]);

function toListenError(error: NodeJS.ErrnoException, { host, port }: HttpAddress): HttpServerError {
  const [code, state] = LISTEN_ERRORS.get(error.code ?? '') ?? [
    'CannotListen',
    `${error.message}; correct --bind-address`,
  ];
  const address = JSON.stringify(`${host?.includes(':') ? `[${host}]` : (host ?? '')}:${port}`);
  return new HttpServerError(
    code,
    `Cannot serve HTTP on ${address}: ${state}, or switch HTTP off with --bind-address=""`,
    error,
  );
}

function send(response: ServerResponse, { status, contentType, body }: HttpReply): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}

/** Whether a request announces a body. None is ever read: nothing here takes one. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** A small HTTP server of fixed routes, for probes, metrics and pages. May be started again after it was stopped. */
export class HttpServer {
  readonly #options: HttpServerOptions;
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
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  #listen(): Promise<AddressInfo> {
    const { bindAddress, log } = this.#options;
    const server = createServer(
      {
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: IDLE_TIMEOUT_MS,
        connectionsCheckingInterval: TIMEOUT_CHECK_MS,
        maxHeaderSize: HEADERS_LENGTH_MAX_BYTES,
      },
      (request, response) => void this.#answer(request, response),
    );
    server.maxConnections = CONNECTIONS_MAX;
    const { promise, resolve, reject } = Promise.withResolvers<AddressInfo>();
    const refuse = (error: Error) => reject(toListenError(error, bindAddress));
    server.once('error', refuse);
    server.listen(bindAddress, () => {
      server.off('error', refuse);
      server.on('error', (error) => log.error('HTTP server failed', { reason: error.message }));
      this.#server = server;
      // A TCP server's address is an object; only sockets in the file system have a text.
      resolve(server.address() as AddressInfo);
    });
    return promise;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (hasBody(request)) {
        response.shouldKeepAlive = false;
        send(response, textReply(413, 'no request here has a body\n'));
      } else {
        send(response, await this.#reply(request, response));
      }
    } catch (error) {
      this.#options.log.error('HTTP request failed', { path: request.url, reason: errorText(error) });
      if (response.headersSent) response.destroy();
      else send(response, textReply(500, `${errorText(error)}\n`));
    }
  }

  async #reply(request: IncomingMessage, response: ServerResponse): Promise<HttpReply> {
    const { routes } = this.#options;
    const url = URL.parse(request.url ?? '/', 'http://localhost');
    const route = url && Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined;
    if (!url || !route) return textReply(404, `no such page; there are ${Object.keys(routes).join(', ')}\n`);
    if (METHODS.includes(request.method ?? '')) return route(url);
    response.setHeader('allow', METHODS.join(', '));
    return textReply(405, `want one of ${METHODS.join(', ')}\n`);
  }
}
