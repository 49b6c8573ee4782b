import { randomBytes } from 'node:crypto';
import type { BackoffOptions } from '../../lib/backoff.ts';
import { errorText, type Log } from '../../lib/log.ts';
import { shortenToBytes } from '../../lib/shorten.ts';
import { hasReason } from '../api-error.ts';
import { type ApiObject, EVENTS } from '../api-object.ts';
import { BackgroundLane } from '../background-lane.ts';
import type { ApiClient } from '../client.ts';

/** What an event is about. */
export interface EventSubject {
  readonly kind: 'Pod' | 'ResourceClaim' | 'Node';
  /** None for a Node, whose events stand in namespace "default". */
  readonly namespace?: string;
  readonly name: string;
  /** For a Node its name, as the kubelet does, so that `kubectl describe node` finds it. */
  readonly uid: string;
}

/** Something that happened, in words for whoever runs `kubectl describe`. */
export interface DriverEvent {
  readonly regarding: EventSubject;
  readonly type: 'Normal' | 'Warning';
  /** CamelCase: "NotEnoughCPUs". */
  readonly reason: string;
  readonly message: string;
}

/** What the recorder needs. */
export interface EventRecorderOptions {
  readonly client: ApiClient;
  readonly driverName: string;
  readonly nodeName: string;
  readonly log: Log;
  /** How long the same event is counted before the count is written again. */
  readonly countIntervalMs?: number;
  readonly now?: () => Date;
  readonly retry?: BackoffOptions;
}

/** One kind of event about one object. */
interface Series {
  readonly event: DriverEvent;
  readonly firstMs: number;
  lastMs: number;
  count: number;
  /** The Event object, once made. */
  name: string | undefined;
  writtenCount: number;
  timer: NodeJS.Timeout | undefined;
}

/** What an object may still cause. */
interface Allowance {
  tokens: number;
  filledMs: number;
}

/** API servers forget events after an hour; one that happens again so much later is a new one. */
const SERIES_IDLE_MS = 600_000;
const SERIES_MAX = 1_000;
/** The count of an event that goes on and on is written this often. */
const COUNT_INTERVAL_MS = 10_000;
/** Different events about one object: so many at once, and one more in five minutes (as client-go's spam filter). */
const TOKENS_MAX = 25;
const TOKEN_INTERVAL_MS = 300_000;
/** Longer messages are refused (core/v1 validation, NoteLengthLimit). */
const MESSAGE_BYTES_MAX = 1_024;
/** A name of an object is 253 characters at most; a dot and sixteen digits follow. */
const NAME_LENGTH_MAX = 236;

/** One text for what counts as the same event. */
function keyOf({ regarding, type, reason, message }: DriverEvent): string {
  return JSON.stringify([regarding.kind, regarding.uid, type, reason, message]);
}

function apiVersionOfSubject(kind: EventSubject['kind']): string {
  return kind === 'ResourceClaim' ? 'resource.k8s.io/v1' : 'v1';
}

/** As many digits as client-go takes from the clock; two drivers may write of one pod in the same moment. */
function uniqueSuffix(): string {
  return randomBytes(8).toString('hex');
}

/** What an object may cause again since it last caused something; nothing is taken away by a clock that was set back. */
function earnedTokens({ filledMs }: Allowance, nowMs: number): number {
  return Math.max(0, nowMs - filledMs) / TOKEN_INTERVAL_MS;
}

function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/**
 * Writes core/v1 Events in the background. The same event again is counted in the first one's object; an object that
 * causes ever new ones is cut off for a while. Nobody waits for an event, and without the permission there are none, which
 * is said once.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #series = new Map<string, Series>();
  readonly #allowances = new Map<string, Allowance>();
  readonly #lane: BackgroundLane;
  #hasComplained = false;
  #droppedCount = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#lane = new BackgroundLane({
      work: async (key, signal) => this.#write(key, signal),
      onRefused: (key, error) => this.#refused(key, error),
      keysMax: SERIES_MAX,
      ...(options.retry === undefined ? {} : { retry: options.retry }),
    });
  }

  /** How many events were left out because there were too many. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  /** Takes note of an event; returns at once. */
  record(what: DriverEvent): void {
    const event = { ...what, message: shortenToBytes(what.message, MESSAGE_BYTES_MAX) };
    const nowMs = this.#nowMs();
    this.#forgetOld(nowMs);
    const key = keyOf(event);
    const known = this.#series.get(key);
    if (known) {
      known.count += 1;
      known.lastMs = nowMs;
      this.#countLater(key, known);
    } else if (this.#takeToken(event.regarding.uid, nowMs) && this.#series.size < SERIES_MAX) {
      const blank = { name: undefined, writtenCount: 0, timer: undefined };
      this.#series.set(key, { event, firstMs: nowMs, lastMs: nowMs, count: 1, ...blank });
      this.#lane.add(key);
    } else this.#droppedCount += 1;
  }

  /** Resolves when everything that is due is written or given up. */
  async idle(): Promise<void> {
    await this.#lane.idle();
  }

  /** Ends writing; what is not written yet is dropped. May be called twice. */
  async stop(): Promise<void> {
    for (const { timer } of this.#series.values()) clearTimeout(timer);
    this.#series.clear();
    await this.#lane.stop();
  }

  #nowMs(): number {
    return (this.#options.now?.() ?? new Date()).getTime();
  }

  #countLater(key: string, series: Series): void {
    series.timer ??= setTimeout(() => {
      series.timer = undefined;
      this.#lane.add(key);
    }, this.#options.countIntervalMs ?? COUNT_INTERVAL_MS).unref();
  }

  async #write(key: string, signal: AbortSignal): Promise<void> {
    const series = this.#series.get(key);
    if (!series || series.writtenCount === series.count) return;
    const { count } = series;
    if (series.name === undefined) await this.#create(series, signal);
    else {
      try {
        await this.#update(series, series.name, signal);
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
        await this.#create(series, signal);
      }
    }
    series.writtenCount = count;
    this.#hasComplained = false;
  }

  async #create(series: Series, signal: AbortSignal): Promise<void> {
    const { client, driverName, nodeName } = this.#options;
    const { event, count, firstMs, lastMs } = series;
    const { kind, namespace = 'default', name, uid } = event.regarding;
    const involved = { apiVersion: apiVersionOfSubject(kind), kind, name, uid };
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace, name: `${name.slice(0, NAME_LENGTH_MAX)}.${uniqueSuffix()}` },
      involvedObject: kind === 'Node' ? involved : { ...involved, namespace },
      type: event.type,
      reason: event.reason,
      message: event.message,
      count,
      firstTimestamp: timeText(firstMs),
      lastTimestamp: timeText(lastMs),
      source: { component: driverName, host: nodeName },
      reportingComponent: driverName,
      reportingInstance: nodeName,
    };
    await client.create<ApiObject>({ resource: EVENTS, namespace }, body, { signal });
    series.name = body.metadata.name;
  }

  async #update(series: Series, name: string, signal: AbortSignal): Promise<void> {
    const { namespace = 'default' } = series.event.regarding;
    const body = { count: series.count, lastTimestamp: timeText(series.lastMs) };
    await this.#options.client.patch({ resource: EVENTS, namespace, name }, { type: 'merge', body }, { signal });
  }

  #takeToken(uid: string, nowMs: number): boolean {
    const allowance = this.#allowances.get(uid) ?? { tokens: TOKENS_MAX, filledMs: nowMs };
    const earned = earnedTokens(allowance, nowMs);
    const tokens = Math.min(TOKENS_MAX, allowance.tokens + earned);
    if (tokens < 1) return false;
    this.#allowances.set(uid, { tokens: tokens - 1, filledMs: nowMs });
    return true;
  }

  #forgetOld(nowMs: number): void {
    for (const [key, { lastMs, timer }] of this.#series) {
      // A clock that was set back makes times of the future.
      if (Math.abs(nowMs - lastMs) > SERIES_IDLE_MS && timer === undefined) this.#series.delete(key);
    }
    for (const [uid, allowance] of this.#allowances) {
      if (allowance.tokens + earnedTokens(allowance, nowMs) >= TOKENS_MAX) this.#allowances.delete(uid);
    }
  }

  #refused(key: string, error: unknown): void {
    const { event } = this.#series.get(key) ?? {};
    this.#series.delete(key);
    this.#options.log.debug('event not written', { event: event?.reason, reason: errorText(error) });
    // Nothing can be written to a namespace that is being deleted, whatever the permissions.
    const isNamespaceGoing = /being terminated/.test(errorText(error));
    if (!hasReason(error, 'Forbidden') || isNamespaceGoing || this.#hasComplained) return;
    this.#hasComplained = true;
    this.#options.log.warn('events are not written', {
      reason: `${errorText(error)}; grant create and patch of events`,
    });
  }
}
