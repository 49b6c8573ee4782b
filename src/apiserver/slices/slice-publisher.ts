import { isDeepStrictEqual } from 'node:util';
import type { SliceDevice } from '../../devices/slice-device.ts';
import { Backoff, type BackoffOptions, sleep } from '../../lib/backoff.ts';
import { errorText, type Log } from '../../lib/log.ts';
import { ApiError, hasReason } from '../api-error.ts';
import { type ApiObject, RESOURCE_SLICES } from '../api-object.ts';
import type { ApiClient } from '../client.ts';
import { fetchNode } from '../node.ts';
import { checkSlice } from './check-slice.ts';
import { PoolContent } from './pool-content.ts';
import { ResourceCache } from '../resource-cache.ts';
import { describeServedVersions } from '../served-versions.ts';
import { type PoolPlan, planPool, type StoredSlice } from './slice-pool.ts';
import { isOfPool, removeAllSlices, removeSlice, sliceSelector, trySlice } from './slice-requests.ts';
import { failingState, type SlicePublisherState } from './slice-publisher-state.ts';

/** What a publisher needs. */
export interface SlicePublisherOptions {
  readonly client: ApiClient;
  readonly driverName: string;
  /** Name of the Node object; also the pool's. */
  readonly nodeName: string;
  readonly log: Log;
  readonly onStateChange?: (state: SlicePublisherState) => void;
  /** Called when the API server answers again after it did not. */
  readonly onReconnect?: () => void;
  /** Upper end of the time before the first request, so that the nodes of a cluster do not all ask at once. */
  readonly startJitterMs?: number;
  /** How long to wait before the whole content is tried again while the cluster does not take all of it. */
  readonly recheckMs?: number;
  readonly retry?: BackoffOptions;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** A thousand nodes that start together are some hundred requests a second. */
const START_JITTER_MS = 3_000;
const RECHECK_MS = 600_000;
const RETRY: BackoffOptions = { initialMs: 250, maxMs: 30_000 };
/** Somebody who removes slices finds them back at once, and somebody who goes on doing so every ten seconds. */
const REPAIR: BackoffOptions = { initialMs: 50, maxMs: 10_000 };
const REPAIR_CALM_MS = 60_000;
/** What changes again and again is looked at so often at most. */
const ROUND_INTERVAL_MS = 20;

/**
 * Keeps a node's devices published as ResourceSlices: writes them, watches them, and puts back what others remove or
 * change. What the cluster does not take is left out and named; whatever fails is tried again. One at a time runs per
 * node and driver.
 */
export class SlicePublisher {
  readonly #options: SlicePublisherOptions;
  readonly #cache: ResourceCache<StoredSlice>;
  readonly #abort = new AbortController();
  readonly #retry: Backoff;
  #repair: Backoff;
  #lastRepairMs = 0;
  #state: SlicePublisherState = { kind: 'stopped' };
  #wanted: readonly SliceDevice[] | undefined;
  #content: PoolContent | undefined;
  #nodeUid: string | undefined;
  #isRecheckDue = false;
  #recheckTimer: NodeJS.Timeout | undefined;
  #isDirty = false;
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(options: SlicePublisherOptions) {
    const { client, log, random } = options;
    this.#options = options;
    this.#retry = new Backoff({ ...(options.retry ?? RETRY), ...(random === undefined ? {} : { random }) });
    this.#repair = this.#newRepair();
    this.#cache = new ResourceCache<StoredSlice>({
      client,
      address: { resource: RESOURCE_SLICES },
      fieldSelector: sliceSelector(options),
      keep: (slice) => isOfPool(slice, options),
      check: checkSlice,
      log,
      onChange: ({ isReconnected }) => {
        this.#isRecheckDue ||= isReconnected;
        if (isReconnected) options.onReconnect?.();
        this.#touch();
      },
      onFailure: (error) => void this.#failed(error),
      ...(options.retry === undefined ? {} : { retry: options.retry }),
      ...(random === undefined ? {} : { random }),
    });
  }

  /** Where the publication stands. */
  get state(): SlicePublisherState {
    return this.#state;
  }

  /** Sets what is to be published from now on; may be called before and after the start. */
  setDevices(devices: readonly SliceDevice[]): void {
    if (isDeepStrictEqual(devices, this.#wanted)) return;
    this.#wanted = devices;
    this.#content = new PoolContent(devices, undefined);
    this.#touch();
  }

  /** Begins to publish, in the background. */
  start(): void {
    if (this.#running !== undefined) return;
    this.#enter({ kind: 'waiting' });
    this.#running = this.#run(this.#abort.signal);
  }

  /**
   * Ends publishing; may be called twice. The slices stay, so that a driver that comes back within the kubelet's patience
   * changes nothing for the scheduler, unless they are to be removed.
   * @throws ApiError when they cannot be removed.
   */
  async stop({ removeSlices = false }: { readonly removeSlices?: boolean } = {}): Promise<void> {
    clearTimeout(this.#recheckTimer);
    this.#abort.abort();
    this.#wake?.();
    await this.#cache.stop();
    await this.#running;
    this.#enter({ kind: 'stopped' });
    if (removeSlices) await removeAllSlices(this.#options.client, this.#options);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { startJitterMs = START_JITTER_MS, random = Math.random } = this.#options;
    await sleep(startJitterMs * random(), signal);
    if (signal.aborted) return;
    this.#cache.start();
    while (!signal.aborted) {
      await this.#untilDirty();
      if (signal.aborted || this.#content === undefined || !this.#cache.isFilled) continue;
      try {
        await this.#publish(this.#content, signal);
        this.#retry.reset();
        await sleep(ROUND_INTERVAL_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.#failed(error);
        const askedMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
        await sleep(askedMs + this.#retry.nextMs(), signal);
        this.#touch();
      }
    }
  }

  #touch(): void {
    this.#isDirty = true;
    this.#wake?.();
  }

  async #untilDirty(): Promise<void> {
    if (!this.#isDirty && !this.#abort.signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      this.#wake = undefined;
    }
    this.#isDirty = false;
  }

  async #publish(content: PoolContent, signal: AbortSignal): Promise<void> {
    if (this.#isRecheckDue && content.isWritten) await this.#recheck(content, signal);
    if (content !== this.#content) return;
    this.#nodeUid ??= await this.#fetchNodeUid(signal);
    let plan = this.#plan(content, this.#nodeUid);
    if (plan.update.length + plan.create.length > 0) {
      if (content.isWritten) {
        await this.#beforeRepair(plan, signal);
        if (signal.aborted || content !== this.#content) return;
        plan = this.#plan(content, this.#nodeUid);
      }
      if (!content.isWritten && this.#state.kind !== 'failing') this.#enter({ kind: 'publishing' });
    }
    await this.#carryOut(plan, content, signal);
    if (content === this.#content) this.#succeeded(content, plan.generation);
  }

  #plan(content: PoolContent, nodeUid: string): PoolPlan {
    const { driverName, nodeName } = this.#options;
    return planPool(this.#cache.objects, { driverName, nodeName, nodeUid, slices: content.expectedSlices });
  }

  /** Slows down when somebody keeps changing the slices, and finds out whether the Node is another one of the same name. */
  async #beforeRepair(plan: PoolPlan, signal: AbortSignal): Promise<void> {
    const { log, nodeName } = this.#options;
    const nowMs = performance.now();
    if (nowMs - this.#lastRepairMs > REPAIR_CALM_MS) this.#repair = this.#newRepair();
    this.#lastRepairMs = nowMs;
    log.warn('resource slices were changed or removed by somebody else, writing them again', {
      node: nodeName,
      changed: plan.update.map(({ stored }) => stored.metadata.name),
      missing: plan.create.length,
    });
    await sleep(this.#repair.nextMs(), signal);
    if (!signal.aborted) this.#nodeUid = await this.#fetchNodeUid(signal);
  }

  async #carryOut(plan: PoolPlan, content: PoolContent, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    for (const slice of plan.remove) await this.#remove(slice, signal);
    for (const { index, body, stored } of plan.update) {
      const address = { resource: RESOURCE_SLICES, name: stored.metadata.name };
      try {
        await this.#write(index, content, () => client.update(address, body, { signal }));
      } catch (error) {
        // Another program has written it. The watch shows that too, but the next attempt need not wait for it.
        if (hasReason(error, 'NotFound')) this.#cache.forget(stored.metadata.uid);
        if (hasReason(error, 'Conflict')) this.#cache.refresh();
        throw error;
      }
      if (content !== this.#content) return;
    }
    for (const { index, body } of plan.create) {
      const address = { resource: RESOURCE_SLICES };
      await this.#write(index, content, () => client.create(address, body, { signal }));
      if (content !== this.#content) return;
    }
  }

  async #remove(slice: StoredSlice, signal: AbortSignal): Promise<void> {
    const note = this.#cache.beginWrite();
    const left = await removeSlice(this.#options.client, slice, signal);
    if (left === undefined) this.#cache.forget(slice.metadata.uid);
    else note(left);
  }

  /** Writes one slice and looks at what the server made of it; what it refuses is left out the next time. */
  async #write(index: number, content: PoolContent, write: () => Promise<ApiObject>): Promise<void> {
    try {
      const note = this.#cache.beginWrite();
      const answer = checkSlice(await write());
      note(answer);
      content.takeAnswer(index, answer);
    } catch (error) {
      const reduced = hasReason(error, 'Invalid') ? content.withoutRefused(index, error.causes) : undefined;
      if (reduced === undefined) throw error;
      // Devices may have been set anew meanwhile; those are tried whole.
      if (content !== this.#content) return;
      this.#options.log.warn('the API server refuses a part of the resource slices', { reason: errorText(error) });
      this.#content = reduced;
      this.#touch();
    }
  }

  async #fetchNodeUid(signal: AbortSignal): Promise<string> {
    const { client, nodeName } = this.#options;
    return (await fetchNode(client, nodeName, { signal })).metadata.uid;
  }

  /** Asks, without writing, whether the cluster takes more than it did. */
  async #recheck(content: PoolContent, signal: AbortSignal): Promise<void> {
    this.#isRecheckDue = false;
    const { client, driverName, nodeName, log } = this.#options;
    const wanted = new PoolContent(this.#wanted ?? [], undefined);
    if (content.reasons.length + content.droppedFields.length === 0) return;
    for (const candidate of [wanted, content]) {
      const pool = { driverName, nodeName, nodeUid: this.#nodeUid ?? '', devices: candidate.slices[0] ?? [] };
      const dropped = await trySlice(client, pool, signal);
      if (dropped === undefined) continue;
      const isMore = candidate === wanted && content.reasons.length > 0;
      if (isMore || !isDeepStrictEqual(dropped, content.droppedFields)) {
        log.info('the API server takes more of the resource slices than before, writing them again');
        this.#content = wanted;
        this.#touch();
      }
      return;
    }
  }

  #succeeded(content: PoolContent, generation: number): void {
    content.isWritten = true;
    this.#isRecheckDue = false;
    const reasons = [...content.reasons, ...content.droppedFields];
    const pool = { sliceCount: content.slices.length, deviceCount: content.devices.length, generation };
    this.#enter(reasons.length === 0 ? { kind: 'published', ...pool } : { kind: 'degraded', reasons, ...pool });
    clearTimeout(this.#recheckTimer);
    if (reasons.length === 0) return;
    const { recheckMs = RECHECK_MS, random = Math.random } = this.#options;
    this.#recheckTimer = setTimeout(
      () => {
        this.#isRecheckDue = true;
        this.#touch();
      },
      recheckMs * (0.5 + random()),
    ).unref();
  }

  /** What was written is in place, also while the API server cannot be asked. */
  async #failed(error: unknown): Promise<void> {
    const { client, log } = this.#options;
    const { signal } = this.#abort;
    log.debug('resource slices cannot be kept up to date', { reason: errorText(error) });
    const cluster = hasReason(error, 'NotServed')
      ? await describeServedVersions(client, RESOURCE_SLICES.group, { signal })
      : undefined;
    if (!signal.aborted && this.#content?.isWritten !== true) this.#enter(failingState(error, cluster));
  }

  #enter(state: SlicePublisherState): void {
    if (isDeepStrictEqual(state, this.#state)) return;
    this.#state = state;
    this.#options.onStateChange?.(state);
  }

  #newRepair(): Backoff {
    const { random } = this.#options;
    return new Backoff({ ...REPAIR, ...(random === undefined ? {} : { random }) });
  }
}
