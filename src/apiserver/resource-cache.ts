import { Backoff, type BackoffOptions, sleep } from '../lib/backoff.ts';
import { errorText, type Log } from '../lib/log.ts';
import { ApiError, hasReason } from './api-error.ts';
import { type ApiObject, type CollectionAddress, describeAddress } from './api-object.ts';
import type { ApiClient } from './client.ts';
import { KnownObjects } from './known-objects.ts';
import type { WatchEvent } from './watch-event.ts';

/** What is kept, and who is told. */
export interface ResourceCacheOptions<T extends ApiObject> {
  readonly client: Pick<ApiClient, 'list' | 'watch'>;
  readonly address: CollectionAddress;
  readonly fieldSelector?: string;
  /** Which of the selected objects to keep; a server may know fewer selectors than it is given. All by default. */
  readonly keep?: (object: T) => boolean;
  /** Makes sure that an object has the form of its kind. @throws ApiError MalformedAnswer. */
  readonly check?: (object: ApiObject) => T;
  readonly log: Log;
  /** Called after anything changed, and after the connection came back. */
  readonly onChange: (what: { readonly isReconnected: boolean }) => void;
  /** Called whenever the API server cannot be asked; trying goes on. */
  readonly onFailure: (error: unknown) => void;
  readonly retry?: BackoffOptions;
  /** How old the last list may be before it is checked whether the watch has missed anything. */
  readonly verifyAfterMs?: number;
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
/** Two lists an hour and node. Only a server that lost its history, or a proxy that keeps events back, makes one find anything. */
const VERIFY_AFTER_MS = 1_800_000;

/** Whether the server cannot go on from where the watch was: it has forgotten that place, or was never there (a restored backup). */
function isPlaceLost(error: unknown): boolean {
  // As client-go: older servers and some proxies give the reason "Gone", or none, with the same status.
  if (hasReason(error, 'Expired') || hasReason(error, 'OutOfOrder')) return true;
  if (!(error instanceof ApiError)) return false;
  return error.status === 410 || /\btoo large resource version\b/i.test(error.message);
}

/**
 * The newest state of some objects, kept by one list and one watch that resumes where it ended. Lists again when the server cannot go
 * on from that place or contradicts what is known, and now and then to make sure.
 */
export class ResourceCache<T extends ApiObject> {
  readonly #options: ResourceCacheOptions<T>;
  readonly #known = new KnownObjects<T>();
  readonly #abort = new AbortController();
  /** Whether what is known is a state that the server was in, and not one that is in doubt. */
  #isFilled = false;
  #listedAtMs = 0;
  /** Ends the watch that runs. */
  #watching = new AbortController();
  #hasFailed = false;
  #running: Promise<void> | undefined;

  constructor(options: ResourceCacheOptions<T>) {
    this.#options = options;
  }

  /** Whether the objects are listed and nothing contradicts them. */
  get isFilled(): boolean {
    return this.#isFilled;
  }

  /** The objects as far as is known. */
  get objects(): readonly T[] {
    return this.#known.objects;
  }

  start(): void {
    this.#running ??= this.#run(this.#abort.signal);
  }

  /** Ends the watch; the objects stay. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  /**
   * Begins a write; the returned function takes in what the server answers, before the watch tells of it.
   * @throws ApiError MalformedAnswer, from the returned function, for an answer that has not the form of its kind.
   */
  beginWrite(): (answer: ApiObject) => void {
    const { position } = this.#known;
    return (answer) => {
      const object = this.#check(answer);
      const isKept = this.#options.keep?.(object) ?? true;
      if (isKept && !this.#known.note(object, position)) this.refresh();
    };
  }

  /** Takes in that an object is gone. */
  forget(uid: string): void {
    this.#known.forget(uid);
  }

  /** Lists again, because what is known is in doubt; until then it counts as not filled. */
  refresh(): void {
    this.#isFilled = false;
    this.#watching.abort();
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
        if (!this.#watching.signal.aborted) waitMs = this.#failed(error);
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
    const resource = describeAddress(address);
    if (isPlaceLost(error)) {
      log.debug('watch cannot go on from where it was, listing again', { resource, reason: errorText(error) });
      this.#isFilled = false;
      return 0;
    }
    if (!this.#hasFailed) log.warn('cannot watch the API server', { reason: errorText(error) });
    this.#hasFailed = true;
    // What cannot be read may have told of a change.
    if (hasReason(error, 'MalformedAnswer')) this.#isFilled = false;
    onFailure(error);
    return error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
  }

  async #listAndWatch(stopped: AbortSignal, backoff: Backoff): Promise<void> {
    const { client, address, fieldSelector, random = Math.random, verifyAfterMs = VERIFY_AFTER_MS } = this.#options;
    this.#watching = new AbortController();
    const signal = AbortSignal.any([stopped, this.#watching.signal]);
    const isOld = performance.now() - this.#listedAtMs > verifyAfterMs;
    if (!this.#isFilled || isOld) {
      await this.#list(signal);
      this.#recovered(backoff);
    }
    const events = client.watch(address, {
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      resourceVersion: this.#known.position ?? '',
      durationMs: WATCH_DURATION_MS * (1 + random()),
      signal,
      onOpen: () => this.#recovered(backoff),
    });
    for await (const event of events) this.#take(event);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, address, fieldSelector, keep = () => true } = this.#options;
    this.#known.beginList();
    const list = await client.list(address, {
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      keep: (object) => keep(this.#check(object)),
      signal,
    });
    this.#known.replace({ ...list, items: list.items.map((item) => this.#check(item)) });
    this.#isFilled = true;
    this.#listedAtMs = performance.now();
    this.#options.onChange({ isReconnected: false });
  }

  #take(event: WatchEvent<ApiObject>): void {
    if (event.type === 'BOOKMARK') return this.#known.advance(event.resourceVersion);
    const object = this.#check(event.object);
    // An object that does not belong here any more has left, as one that was deleted.
    const isKept = this.#options.keep?.(object) ?? true;
    this.#known.apply(isKept ? event.type : 'DELETED', object, event.length);
    this.#options.onChange({ isReconnected: false });
  }

  #check(object: ApiObject): T {
    return this.#options.check?.(object) ?? (object as T);
  }

  #recovered(backoff: Backoff): void {
    if (!this.#hasFailed) return;
    this.#hasFailed = false;
    backoff.reset();
    this.#options.log.info('watching the API server again');
    this.#options.onChange({ isReconnected: true });
  }
}
