import { ApiError } from './api-error.ts';
import { type ApiObject, type CollectionAddress, describeAddress, type ObjectAddress, pathOf } from './api-object.ts';
import { readStatus } from './api-status.ts';
import { checkList, checkObject } from './check-object.ts';
import type { ApiConnection } from './connection.ts';
import { ApiTransport, type Call, type Frame } from './transport.ts';
import { checkWatchEvent, type WatchEvent } from './watch-event.ts';

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
export interface SelectOptions<T> extends CallOptions {
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** Which of them to keep; the rest is dropped as it arrives. All by default. */
  readonly keep?: (object: T) => boolean;
}

/** A list and the state of the cluster that it shows. */
export interface ApiList<T> {
  readonly items: T[];
  /** A watch from here on misses no change of the items. */
  readonly resourceVersion: string;
  /** How long the text of the items was about, in characters. */
  readonly length: number;
}

/** A change of an object. */
export type ApiPatch =
  /** RFC 7386. */
  | { readonly type: 'merge'; readonly body: object }
  /** RFC 6902. */
  | { readonly type: 'json'; readonly body: readonly object[] }
  /** Server-side apply; `force` takes fields from other managers. */
  | { readonly type: 'apply'; readonly body: object; readonly force: boolean };

/** What makes a delete fail when the object was changed meanwhile. */
export interface DeleteOptions extends CallOptions {
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

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
/** Objects of one page of a list: a claim has some 4 KiB, so that reading a page blocks for some 8 ms. */
const PAGE_LENGTH = 250;
const PAGE_BYTES_MAX = 8 * 1024 * 1024;
/** A list of which more is to be kept, or that takes longer, is not one of the few that the driver and its tools ask for. */
const LIST_LENGTH_MAX = 64 * 1024 * 1024;
const LIST_TIMEOUT_MS = 120_000;

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

function writeQuery({ fieldManager, dryRun }: WriteOptions): Call['query'] & object {
  return { fieldManager, dryRun: dryRun === true ? 'All' : undefined };
}

/** What makes a list one that is given up. */
function findExcess(length: number, sinceMs: number): string | undefined {
  if (length > LIST_LENGTH_MAX) return `it is longer than ${LIST_LENGTH_MAX} characters`;
  return performance.now() - sinceMs > LIST_TIMEOUT_MS ? `it does not end within ${LIST_TIMEOUT_MS} ms` : undefined;
}

/**
 * The few calls that the driver makes to a Kubernetes API server, over connections that stay open. All reject with
 * ApiError, or with the reason of the given signal. Nothing is limited or delayed on this side, and nothing but a refused
 * token and a connection that the server closed while idle is tried again: when to retry is the caller's decision.
 */
export class ApiClient {
  readonly #transport: ApiTransport;
  readonly #timeoutMs: number;

  constructor(connection: ApiConnection, { userAgent, timeoutMs = TIMEOUT_MS }: ApiClientOptions) {
    this.#transport = new ApiTransport(connection, userAgent);
    this.#timeoutMs = timeoutMs;
  }

  /** Reads a document that is not an object of the API, such as `/version`; nothing is known of its form. */
  async getDocument(path: string, options: CallOptions = {}): Promise<unknown> {
    return this.#call({ action: `Cannot get ${path}`, method: 'GET', path }, options);
  }

  async get<T extends ApiObject>(address: ObjectAddress, options: CallOptions = {}): Promise<T> {
    const action = `Cannot get ${describeAddress(address)}`;
    const call = { action, method: 'GET', path: pathOf(address), name: address.name };
    return checkObject(action, await this.#call(call, options), address) as T;
  }

  /** Reads a whole collection, page by page. */
  async list<T extends ApiObject>(address: CollectionAddress, options: SelectOptions<T> = {}): Promise<ApiList<T>> {
    const { keep = () => true } = options;
    const action = `Cannot list ${describeAddress(address)}`;
    const sinceMs = performance.now();
    const items: T[] = [];
    let first: string | undefined;
    let token: string | undefined;
    let length = 0;
    do {
      const frame = await this.#listPage(address, token, options);
      const page = checkList<T>(action, frame.value, address);
      const kept = page.items.filter(keep);
      items.push(...kept);
      length += frame.length * (kept.length / Math.max(1, page.items.length));
      // Later pages may show a newer state; from the first one on nothing is missed.
      first ??= page.resourceVersion;
      token = page.continueToken;
      const excess = findExcess(length, sinceMs);
      if (excess !== undefined) throw new ApiError('MalformedAnswer', `${action}: ${excess}`);
    } while (token !== undefined);
    return { items, resourceVersion: first, length };
  }

  async create<T extends ApiObject>(address: CollectionAddress, body: object, options: WriteOptions = {}): Promise<T> {
    const action = `Cannot create ${describeAddress(address)}`;
    const call = { action, method: 'POST', path: pathOf(address), query: writeQuery(options), body };
    const { name } = (body as { metadata?: { name?: string } }).metadata ?? {};
    const expected = { ...address, ...(name === undefined ? {} : { name }) };
    return checkObject(action, await this.#call(call, options), expected) as T;
  }

  /** Replaces an object; conflicts when `body` carries a resourceVersion that is not the newest. */
  async update<T extends ApiObject>(address: ObjectAddress, body: object, options: WriteOptions = {}): Promise<T> {
    const { name } = address;
    const action = `Cannot update ${describeAddress(address)}`;
    const call = { action, method: 'PUT', path: pathOf(address), query: writeQuery(options), body, name };
    return checkObject(action, await this.#call(call, options), address) as T;
  }

  async patch<T extends ApiObject>(address: ObjectAddress, patch: ApiPatch, options: WriteOptions = {}): Promise<T> {
    const force = patch.type === 'apply' ? String(patch.force) : undefined;
    const action = `Cannot patch ${describeAddress(address)}`;
    const call = {
      action,
      method: 'PATCH',
      path: pathOf(address),
      query: { ...writeQuery(options), force },
      contentType: PATCH_TYPES[patch.type],
      body: patch.body,
      name: address.name,
    };
    return checkObject(action, await this.#call(call, options), address) as T;
  }

  /** Deletes an object; what is left of it while it waits for its finalizers, undefined when it is gone. */
  async delete<T extends ApiObject>(address: ObjectAddress, options: DeleteOptions = {}): Promise<T | undefined> {
    const { preconditions } = options;
    const action = `Cannot delete ${describeAddress(address)}`;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...(preconditions ? { preconditions } : {}) };
    const call = { action, method: 'DELETE', path: pathOf(address), body, name: address.name };
    const answer = await this.#call(call, options);
    // Some resources answer with a Status, others with the object as it was last.
    if (readStatus(answer) !== undefined) return undefined;
    const object = checkObject(action, answer, address) as T;
    return (object.metadata.finalizers ?? []).length > 0 ? object : undefined;
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
    const call = { action, method: 'GET', path: pathOf(address), query };
    const limits = { timeoutMs: durationMs + WATCH_OVERTIME_MS, signal: options.signal };
    for await (const frame of this.#transport.follow(call, limits, options.onOpen)) {
      yield checkWatchEvent<T>(action, frame, address);
    }
  }

  async #listPage<T>(
    address: CollectionAddress,
    token: string | undefined,
    { fieldSelector, labelSelector, ...options }: SelectOptions<T>,
  ): Promise<Frame> {
    const action = `Cannot list ${describeAddress(address)}`;
    const query = { fieldSelector, labelSelector, limit: String(PAGE_LENGTH), continue: token };
    const call = { action, method: 'GET', path: pathOf(address), query, bytesMax: PAGE_BYTES_MAX };
    return this.#send(call, options);
  }

  async #call(call: Call, options: CallOptions): Promise<unknown> {
    return (await this.#send(call, options)).value;
  }

  async #send(call: Call, { signal, timeoutMs = this.#timeoutMs }: CallOptions): Promise<Frame> {
    return this.#transport.call(call, { timeoutMs, signal });
  }
}
