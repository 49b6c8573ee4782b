import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { errorText, type Log, silentLog } from '../../src/lib/log.ts';
import { discoveryDocument } from './http/discovery.ts';
import { openApiDocument, openApiIndex } from './http/openapi.ts';
import { Faults, RequestCounts, type RequestFacts } from './http/requests.ts';
import { parseTarget, type ResourceTarget } from './http/request-target.ts';
import { handleResource, verbOf } from './http/resource-handler.ts';
import { sendError, sendPlain, sendText } from './http/respond.ts';
import { apiVersionOf, type ResourceKind } from './kinds/resource-kind.ts';
import { StatusError } from './status-error.ts';
import { startControllers } from './store/controllers.ts';
import { ObjectStore, type StoreOptions } from './store/object-store.ts';

/** How the API server is set up. */
export interface ApiServerOptions extends StoreOptions {
  /** TCP port on 127.0.0.1; a free one by default. */
  readonly port?: number;
  /** Version that /version tells. */
  readonly gitVersion?: string;
  /** Group versions that are not served at first. */
  readonly unserved?: readonly string[];
  /** The bearer token to ask for; none by default. */
  readonly requiredToken?: string;
  readonly log?: Log;
}

const HOST = '127.0.0.1';
const DEFAULT_GIT_VERSION = 'v1.36.0';
/** Namespaces of every cluster. */
const NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];
const HEALTH_PATHS = ['/healthz', '/livez', '/readyz'];

/** A Kubernetes API server on loopback HTTP over an ObjectStore. */
export class ApiServer {
  readonly store: ObjectStore;
  /** What goes wrong on purpose. */
  readonly faults = new Faults();
  /** What was asked for. */
  readonly counts = new RequestCounts();
  /** Group versions that are not served ("resource.k8s.io/v1"), as on an older cluster; may be changed. */
  readonly unserved: Set<string>;
  /** The bearer token that every request must carry; none is asked for when undefined. May be changed. */
  requiredToken: string | undefined;
  readonly #gitVersion: string;
  readonly #log: Log;
  readonly #stopControllers: () => void;
  #server: Server;
  #port: number;

  private constructor(options: ApiServerOptions) {
    this.unserved = new Set(options.unserved);
    this.requiredToken = options.requiredToken;
    this.#gitVersion = options.gitVersion ?? DEFAULT_GIT_VERSION;
    this.#log = options.log ?? silentLog;
    this.#port = options.port ?? 0;
    this.store = new ObjectStore(options);
    this.#stopControllers = startControllers(this.store);
    for (const name of NAMESPACES) this.store.create('namespaces', { metadata: { name } });
    this.#server = this.#newServer();
  }

  /** Starts a server with an empty cluster: the four standard namespaces. */
  static async start(options: ApiServerOptions = {}): Promise<ApiServer> {
    const server = new ApiServer(options);
    await server.resume();
    return server;
  }

  get #served(): ResourceKind[] {
    return [...this.store.kinds.values()].filter((kind) => !this.unserved.has(apiVersionOf(kind)));
  }

  /** Base URL, without a slash at the end. */
  get url(): string {
    return `http://${HOST}:${this.#port}`;
  }

  /** Takes the server off the network: connections break and new ones are refused, the objects stay. */
  async pause(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Puts a paused server back under the same URL. */
  async resume(): Promise<void> {
    if (this.#server.listening) return;
    this.#server = this.#newServer();
    this.#server.listen(this.#port, HOST);
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Ends the server; may be called twice. */
  async stop(): Promise<void> {
    await this.pause();
    this.#stopControllers();
  }

  #newServer(): Server {
    // Watches stay open for as long as clients want.
    const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 }, (message, response) => {
      void this.#answer(message, response);
    });
    server.on('clientError', (_error, socket) => socket.destroy());
    return server;
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(message, response);
    } catch (error) {
      if (response.headersSent || response.destroyed) {
        response.destroy();
        return;
      }
      if (error instanceof StatusError) return sendError(response, error);
      this.#log.error('API request failed', { method: message.method, url: message.url, error: errorText(error) });
      sendError(response, new StatusError('InternalError', `Internal error occurred: ${errorText(error)}`));
    }
  }

  async #route(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams: query } = new URL(message.url ?? '/', this.url);
    const target = parseTarget(path, this.#served);
    const verb = target ? verbOf(message.method ?? '', target, query) : 'get';
    const facts: RequestFacts = { verb: verb ?? 'unknown', resource: resourceText(target) ?? path };
    this.counts.add(facts);
    if (this.faults.latencyMs > 0) await delay(this.faults.latencyMs);
    const fault = this.faults.take(facts);
    if (fault === 'reset') return void response.destroy();
    if (fault !== undefined) throw new StatusError(fault, `${facts.verb} ${facts.resource} fails on purpose`);
    this.#authenticate(message);
    if (!target) return this.#answerOther(path, response);
    if (verb === undefined)
      throw new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
    return handleResource(this.store, { verb, target, query, message }, response);
  }

  #authenticate(message: IncomingMessage): void {
    const { requiredToken } = this;
    if (requiredToken === undefined || message.headers.authorization === `Bearer ${requiredToken}`) return;
    throw new StatusError('Unauthorized', 'Unauthorized');
  }

  #answerOther(path: string, response: ServerResponse): void {
    if (HEALTH_PATHS.some((health) => path === health || path.startsWith(`${health}/`)))
      return sendPlain(response, 200, 'ok');
    const document = this.#document(path.replace(/\/$/, ''));
    if (!document) return sendPlain(response, 404, '404 page not found\n');
    return sendText(response, 200, JSON.stringify(document));
  }

  #document(path: string): object | undefined {
    if (path === '/version') return versionDocument(this.#gitVersion);
    if (path === '/openapi/v3') return openApiIndex(this.#served);
    if (path.startsWith('/openapi/v3/')) return openApiDocument(path.slice('/openapi/v3/'.length), this.#served);
    return discoveryDocument(path, this.#served, `${HOST}:${this.#port}`);
  }
}

function resourceText(target: ResourceTarget | undefined): string | undefined {
  if (!target) return undefined;
  const { kind, subresource } = target;
  return subresource === undefined ? kind.plural : `${kind.plural}/${subresource}`;
}

function versionDocument(gitVersion: string): object {
  const [, major = '', minor = ''] = /^v?(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  return {
    major,
    minor,
    gitVersion,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '',
    goVersion: '',
    compiler: '',
    platform: 'linux/amd64',
  };
}
