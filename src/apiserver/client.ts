import type { IncomingMessage } from 'node:http';
import { errorText } from '../lib/log.ts';
import { answerError, ApiError, watchError } from './api-error.ts';
import { type ApiObject, type CollectionAddress, describeAddress, type ObjectAddress, pathOf } from './api-object.ts';
import type { ApiConnection } from './connection.ts';
import { Deadline } from './deadline.ts';
import { readAnswer, readLines, sendRequest } from './http-exchange.ts';

/** How the client behaves. */
export interface ApiClientOptions {
  /** Sent as User-Agent, by which audit logs and flow control know the driver. */
  readonly userAgent: string;
  /** How long one request may take, watches excepted. */
  readonly timeoutMs?: number;
}

/** How one request is made. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Instead of the client's. */
  readonly timeoutMs?: number;
}

/** How an object is written. */
export interface WriteOptions extends CallOptions {
  /** Who writes, for managedFields; wanted for apply patches. */
  readonly fieldManager?: string;
  /** Let the server answer as if it had written. */
  readonly dryRun?: boolean;
}

/** Which objects of a collection. */
export interface SelectOptions extends CallOptions {
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

/** A list and the state of the cluster that it shows. */
export interface ApiList<T> {
  readonly items: T[];
  readonly resourceVersion: string;
}

/** A change of an object. */
export type ApiPatch =
  /** RFC 7386. */
  | { readonly type: 'merge'; readonly body: object }
  /** RFC 6902. */
  | { readonly type: 'json'; readonly body: readonly object[] }
  /** Server-side apply; `force` takes fields from other managers. */
  | { readonly type: 'apply'; readonly body: object; readonly force: boolean };

/** What makes a delete fail when somebody changed the object meanwhile. */
export interface DeleteOptions extends CallOptions {
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

/** One event of a watch. */
export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  /** Nothing changed up to this resourceVersion. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

/** Where and how to watch. */
export interface WatchOptions {
  readonly resourceVersion: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  readonly signal: AbortSignal;
  /** The server ends the watch after this time, so that connections spread over its instances. */
  readonly durationMs: number;
  /** Called once the server has agreed to the watch. */
  readonly onOpen?: () => void;
}

/** Longer than the API server's own limit would be pointless for requests of one object. */
const TIMEOUT_MS = 10_000;
/** How much longer than agreed a watch may last before the connection counts as dead. */
const WATCH_OVERTIME_MS = 30_000;
/** Objects of one page of a list. */
const PAGE_LENGTH = 500;

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

type Query = Readonly<Record<string, string | undefined>>;

interface Call {
  /** What is tried, for messages: `Cannot get nodes "n1"`. */
  readonly action: string;
  readonly method: string;
  readonly path: string;
  readonly query?: Query;
  readonly contentType?: string;
  readonly body?: unknown;
}

function writeQuery({ fieldManager, dryRun }: WriteOptions): Query {
  return { fieldManager, dryRun: dryRun === true ? 'All' : undefined };
}

function parseJson(action: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ApiError('MalformedAnswer', `${action}: the API server's answer is not JSON: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/**
 * The few calls that the driver makes to a Kubernetes API server, over connections that stay open. All reject with
 * ApiError, or with the reason of the given signal. Nothing is limited or delayed on this side, and nothing but a refused
 * token and a connection that the server closed while idle is tried again: when to retry is the caller's decision.
 */
export class ApiClient {
  readonly #connection: ApiConnection;
  readonly #options: ApiClientOptions;

  constructor(connection: ApiConnection, options: ApiClientOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Reads a document that is no object, such as `/version`. */
  async getDocument<T>(path: string, options: CallOptions = {}): Promise<T> {
    return this.#call<T>({ action: `Cannot get ${path}`, method: 'GET', path }, options);
  }

  async get<T extends ApiObject>(address: ObjectAddress, options: CallOptions = {}): Promise<T> {
    const action = `Cannot get ${describeAddress(address)}`;
    return this.#call<T>({ action, method: 'GET', path: pathOf(address) }, options);
  }

  /** Reads a whole collection, page by page. */
  async list<T extends ApiObject>(address: CollectionAddress, options: SelectOptions = {}): Promise<ApiList<T>> {
    const { fieldSelector, labelSelector } = options;
    const action = `Cannot list ${describeAddress(address)}`;
    const items: T[] = [];
    let token: string | undefined;
    for (;;) {
      const query = { fieldSelector, labelSelector, limit: String(PAGE_LENGTH), continue: token };
      const page: { items?: T[]; metadata?: { resourceVersion?: string; continue?: string } } = await this.#call(
        { action, method: 'GET', path: pathOf(address), query },
        options,
      );
      items.push(...(page.items ?? []));
      token = page.metadata?.continue;
      if (!token) return { items, resourceVersion: page.metadata?.resourceVersion ?? '' };
    }
  }

  async create<T extends ApiObject>(address: CollectionAddress, body: object, options: WriteOptions = {}): Promise<T> {
    const action = `Cannot create ${describeAddress(address)}`;
    return this.#call<T>({ action, method: 'POST', path: pathOf(address), query: writeQuery(options), body }, options);
  }

  /** Replaces an object; conflicts when `body` carries a resourceVersion that is not the newest. */
  async update<T extends ApiObject>(address: ObjectAddress, body: object, options: WriteOptions = {}): Promise<T> {
    const action = `Cannot update ${describeAddress(address)}`;
    return this.#call<T>({ action, method: 'PUT', path: pathOf(address), query: writeQuery(options), body }, options);
  }

  async patch<T extends ApiObject>(address: ObjectAddress, patch: ApiPatch, options: WriteOptions = {}): Promise<T> {
    const force = patch.type === 'apply' ? String(patch.force) : undefined;
    const call = {
      action: `Cannot patch ${describeAddress(address)}`,
      method: 'PATCH',
      path: pathOf(address),
      query: { ...writeQuery(options), force },
      contentType: PATCH_TYPES[patch.type],
      body: patch.body,
    };
    return this.#call<T>(call, options);
  }

  async delete(address: ObjectAddress, options: DeleteOptions = {}): Promise<void> {
    const { preconditions } = options;
    const action = `Cannot delete ${describeAddress(address)}`;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...(preconditions ? { preconditions } : {}) };
    await this.#call({ action, method: 'DELETE', path: pathOf(address), body }, options);
  }

  /**
   * The writes to a collection after a resourceVersion, as they happen; ends when the server ends it.
   * @throws ApiError Expired when the server does not remember that far back: list again.
   */
  async *watch<T extends ApiObject>(
    address: CollectionAddress,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const { resourceVersion, fieldSelector, labelSelector, durationMs } = options;
    const action = `Cannot watch ${describeAddress(address)}`;
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion,
      fieldSelector,
      labelSelector,
      timeoutSeconds: String(Math.max(1, Math.ceil(durationMs / 1000))),
    };
    const deadline = new Deadline(action, { timeoutMs: durationMs + WATCH_OVERTIME_MS, signal: options.signal });
    let message: IncomingMessage | undefined;
    try {
      message = await this.#open({ action, method: 'GET', path: pathOf(address), query }, deadline.signal);
      options.onOpen?.();
      for await (const line of readLines(message as AsyncIterable<Uint8Array>)) yield parseWatchLine(action, line);
    } catch (error) {
      throw deadline.explain(error);
    } finally {
      message?.destroy();
      deadline.clear();
    }
  }

  async #call<T>(call: Call, { signal, timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS }: CallOptions): Promise<T> {
    const deadline = new Deadline(call.action, { timeoutMs, signal });
    try {
      const message = await this.#open(call, deadline.signal);
      return parseJson(call.action, await readAnswer(message)) as T;
    } catch (error) {
      throw deadline.explain(error);
    } finally {
      deadline.clear();
    }
  }

  /** Sends a call and rejects unless it succeeds. A refused token is read again, once. */
  async #open(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    const first = await this.#send(call, signal);
    if (first.statusCode !== 401 || !(await this.#connection.refresh().catch(() => false))) {
      return this.#succeeded(call, first);
    }
    first.resume();
    return this.#succeeded(call, await this.#send(call, signal));
  }

  async #send(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    const { method, body } = call;
    const access = await this.#connection.access();
    signal.throwIfAborted();
    const headers = {
      accept: 'application/json',
      'user-agent': this.#options.userAgent,
      ...(body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
    };
    const text = body === undefined ? undefined : JSON.stringify(body);
    return sendRequest({ method, url: this.#url(call), headers, body: text, signal }, access);
  }

  /** The answer when it is one of success; rejects with the server's reason otherwise. */
  async #succeeded({ action }: Call, message: IncomingMessage): Promise<IncomingMessage> {
    const status = message.statusCode ?? 0;
    if (status >= 200 && status < 300) return message;
    const retryAfter = message.headers['retry-after'];
    throw answerError(action, { status, text: await readAnswer(message), retryAfter });
  }

  #url({ path, query = {} }: Call): URL {
    const url = new URL(this.#connection.server);
    url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
    return url;
  }
}

function parseWatchLine<T extends ApiObject>(action: string, line: string): WatchEvent<T> {
  const { type = '', object } = parseJson(action, line) as { type?: string; object?: T };
  if (type === 'ERROR') throw watchError(action, object);
  if (type === 'BOOKMARK') return { type, resourceVersion: object?.metadata.resourceVersion ?? '' };
  if (object !== undefined && (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED')) return { type, object };
  throw new ApiError('MalformedAnswer', `${action}: an event of type "${type}" makes no sense`);
}
