import type { ServerResponse } from 'node:http';
import type { ResourceKind } from '../kinds/resource-kind.ts';
import type { KubeObject } from '../../../src/resource-api/kube-object.ts';
import { apiVersionOf } from '../kinds/resource-kind.ts';
import { StatusError } from '../status-error.ts';
import type { ObjectStore, WatchOptions } from '../store/object-store.ts';
import { objectText } from './respond.ts';
import { toTable } from './table.ts';

/** What a client wants to watch, and how it wants to be told. */
export interface WatchRequest {
  readonly kind: ResourceKind;
  readonly options: WatchOptions;
  readonly allowBookmarks: boolean;
  /** Begin with the stored objects and mark their end with a bookmark (KEP-3157). */
  readonly sendInitialEvents: boolean;
  /** The watch ends after this time; undefined: when the client goes. */
  readonly timeoutMs: number | undefined;
  /** Send tables instead of objects; the value is the tables' includeObject. */
  readonly tableWith: string | undefined;
}

/** How often a bookmark tells an idle client the newest resourceVersion. */
const BOOKMARK_INTERVAL_MS = 60_000;
/** A client that reads this much slower than is written has gone wrong; the real server drops it too. */
const UNREAD_BYTES_MAX = 16 * 1024 * 1024;

/** Writes one watch as lines of JSON. */
class WatchWriter {
  readonly #response: ServerResponse;
  readonly #request: WatchRequest;
  #hasHeader = false;

  constructor(response: ServerResponse, request: WatchRequest) {
    this.#response = response;
    this.#request = request;
  }

  #line(type: string, text: string): void {
    if (this.#response.writableLength > UNREAD_BYTES_MAX) this.#response.destroy();
    else this.#response.write(`{"type":"${type}","object":${text}}\n`);
  }

  object(type: string, object: KubeObject): void {
    const { tableWith, kind } = this.#request;
    if (tableWith === undefined) return this.#line(type, objectText(object));
    const { resourceVersion } = object.metadata;
    const table = toTable([object], {
      kind,
      now: new Date(),
      includeObject: tableWith,
      metadata: { resourceVersion },
      withoutHeader: this.#hasHeader,
    });
    this.#hasHeader = true;
    return this.#line(type, JSON.stringify(table));
  }

  bookmark(resourceVersion: string, annotations?: Record<string, string>): void {
    const { kind } = this.#request;
    const metadata = { resourceVersion, creationTimestamp: null, ...(annotations ? { annotations } : {}) };
    this.#line('BOOKMARK', JSON.stringify({ kind: kind.kind, apiVersion: apiVersionOf(kind), metadata }));
  }

  error(error: StatusError): void {
    this.#line('ERROR', JSON.stringify(error.status));
  }
}

/** Where the initial objects end: marked so for clients that asked for them. */
const INITIAL_EVENTS_END = { 'k8s.io/initial-events-end': 'true' };

function follow(store: ObjectStore, writer: WatchWriter, request: WatchRequest): () => void {
  const { sendInitialEvents, options } = request;
  const from = sendInitialEvents ? { ...options, resourceVersion: '' } : options;
  const stop = store.watch(request.kind.key, ({ type, object }) => writer.object(type, object), from);
  if (sendInitialEvents && request.allowBookmarks) writer.bookmark(store.resourceVersion, INITIAL_EVENTS_END);
  return stop;
}

/** Streams the writes to a resource until the client goes or its time is over. */
export function respondWithWatch(store: ObjectStore, request: WatchRequest, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  const writer = new WatchWriter(response, request);
  let stop: () => void;
  try {
    stop = follow(store, writer, request);
  } catch (error) {
    // The stream has begun: what goes wrong now is told within it.
    if (!(error instanceof StatusError)) throw error;
    writer.error(error);
    response.end();
    return;
  }
  const bookmarks = setInterval(() => writer.bookmark(store.resourceVersion), BOOKMARK_INTERVAL_MS).unref();
  if (!request.allowBookmarks) clearInterval(bookmarks);
  const timeout =
    request.timeoutMs === undefined ? undefined : setTimeout(() => response.end(), request.timeoutMs).unref();
  response.on('close', () => {
    stop();
    clearInterval(bookmarks);
    clearTimeout(timeout);
  });
}
