import { Backoff, type BackoffOptions, sleep } from '../lib/backoff.ts';
import { errorText, type Log } from '../lib/log.ts';
import { ApiError, hasReason } from './api-error.ts';
import { type ApiObject, type CollectionAddress, describeAddress } from './api-object.ts';
import type { ApiClient } from './client.ts';

/** What is kept, and who is told. */
export interface ResourceCacheOptions {
  readonly client: ApiClient;
  readonly address: CollectionAddress;
  readonly fieldSelector?: string;
  readonly log: Log;
  /** Called after anything changed, and after the connection came back. */
  readonly onChange: (what: { readonly isReconnected: boolean }) => void;
  /** Called whenever the API server cannot be asked; trying goes on. */
  readonly onFailure: (error: unknown) => void;
  readonly retry?: BackoffOptions;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** Watches end after five to ten minutes, as those of client-go do. */
const WATCH_DURATION_MS = 300_000;
/** A watch that ends sooner than this did not end because its time was over. */
const SHORT_WATCH_MS = 1_000;
/** After so long a watch the next failure is a first one. */
const CALM_MS = 60_000;
/** The API server is asked again within half a minute once it is back, by a whole cluster's nodes at different times. */
const RETRY: BackoffOptions = { initialMs: 2_000, maxMs: 30_000 };

/** Whether `a` is an older state than `b`; resourceVersions of one resource grow (KEP-5504). */
function isOlder(a: ApiObject, b: ApiObject): boolean {
  return Number(a.metadata.resourceVersion) < Number(b.metadata.resourceVersion);
}

/**
 * The newest state of some objects, kept by one list and one watch that resumes where it ended; lists again only when the
 * server has forgotten that place. Never polls.
 */
export class ResourceCache<T extends ApiObject> {
  readonly #options: ResourceCacheOptions;
  readonly #objects = new Map<string, T>();
  readonly #abort = new AbortController();
  #resourceVersion: string | undefined;
  #hasFailed = false;
  #running: Promise<void> | undefined;

  constructor(options: ResourceCacheOptions) {
    this.#options = options;
  }

  /** Whether the objects were ever listed. */
  get isFilled(): boolean {
    return this.#resourceVersion !== undefined;
  }

  /** The objects as far as is known. */
  get objects(): readonly T[] {
    return [...this.#objects.values()];
  }

  start(): void {
    this.#running ??= this.#run(this.#abort.signal);
  }

  /** Ends the watch; the objects stay. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  /** Takes in what the server answered to a write, before the watch tells of it. */
  note(object: T): void {
    const { uid } = object.metadata;
    const known = this.#objects.get(uid);
    if (known === undefined || isOlder(known, object)) this.#objects.set(uid, object);
  }

  /** Takes in that an object is gone. */
  forget(uid: string): void {
    this.#objects.delete(uid);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { random } = this.#options;
    const retry = this.#options.retry ?? RETRY;
    const backoff = new Backoff({ ...retry, ...(random === undefined ? {} : { random }) });
    while (!signal.aborted) {
      const startedMs = performance.now();
      let waitMs: number | undefined;
      try {
        await this.#listAndWatch(signal, backoff);
      } catch (error) {
        if (signal.aborted) return;
        waitMs = this.#failed(error);
      }
      const lastedMs = performance.now() - startedMs;
      if (lastedMs > CALM_MS) backoff.reset();
      // Nor must a server that ends watches at once be asked again at once.
      if (lastedMs < SHORT_WATCH_MS) waitMs ??= 0;
      if (waitMs !== undefined) await sleep(waitMs + backoff.nextMs(), signal);
    }
  }

  /** Takes note of a failure; how long the server asks to be left alone. */
  #failed(error: unknown): number {
    const { log, address, onFailure } = this.#options;
    // As client-go: older servers and some proxies give the reason "Gone", or none, with the same status.
    if (hasReason(error, 'Expired') || (error instanceof ApiError && error.status === 410)) {
      log.debug('watch too far behind, listing again', { resource: describeAddress(address) });
      this.#resourceVersion = undefined;
      return 0;
    }
    if (!this.#hasFailed) log.warn('cannot watch the API server', { reason: errorText(error) });
    this.#hasFailed = true;
    onFailure(error);
    return error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
  }

  async #listAndWatch(signal: AbortSignal, backoff: Backoff): Promise<void> {
    const { client, address, fieldSelector, random = Math.random } = this.#options;
    const selection = fieldSelector === undefined ? {} : { fieldSelector };
    if (this.#resourceVersion === undefined) {
      const list = await client.list<T>(address, { ...selection, signal });
      this.#replace(list.items, list.resourceVersion);
      this.#recovered(backoff);
    }
    const events = client.watch<T>(address, {
      ...selection,
      resourceVersion: this.#resourceVersion ?? '',
      durationMs: WATCH_DURATION_MS * (1 + random()),
      signal,
      onOpen: () => this.#recovered(backoff),
    });
    for await (const event of events) {
      if (event.type === 'BOOKMARK') {
        if (event.resourceVersion !== '') this.#resourceVersion = event.resourceVersion;
        continue;
      }
      this.#resourceVersion = event.object.metadata.resourceVersion;
      if (event.type === 'DELETED') this.forget(event.object.metadata.uid);
      else this.note(event.object);
      this.#options.onChange({ isReconnected: false });
    }
  }

  #replace(items: readonly T[], resourceVersion: string): void {
    const listed = new Set(items.map(({ metadata }) => metadata.uid));
    for (const [uid, { metadata }] of this.#objects) {
      const isNewer = Number(metadata.resourceVersion) > Number(resourceVersion);
      if (!listed.has(uid) && !isNewer) this.#objects.delete(uid);
    }
    for (const item of items) this.note(item);
    this.#resourceVersion = resourceVersion;
    this.#options.onChange({ isReconnected: false });
  }

  #recovered(backoff: Backoff): void {
    if (!this.#hasFailed) return;
    this.#hasFailed = false;
    backoff.reset();
    this.#options.log.info('watching the API server again');
    this.#options.onChange({ isReconnected: true });
  }
}
