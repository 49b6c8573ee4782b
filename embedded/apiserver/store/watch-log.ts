import type { KubeObject } from '../../../src/resource-api/kube-object.ts';
import { StatusError } from '../status-error.ts';
import type { Predicate } from './selectors.ts';

/** What a watcher sees of one write. */
export interface WatchEvent<T = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
}

/** A write as it stands in the log. */
export interface LogEntry {
  readonly resourceVersion: number;
  readonly resource: string;
  readonly type: WatchEvent['type'];
  readonly object: KubeObject;
  /** The object before the write; absent for ADDED. */
  readonly previous: KubeObject | undefined;
}

/** Called once per event, in the order of the writes, never from within another call. */
export type WatchListener<T = KubeObject> = (event: WatchEvent<T>) => void;

/** What a watch wants to see. */
export interface WatchTarget {
  readonly resource: string;
  readonly matches: Predicate;
}

interface Watcher extends WatchTarget {
  /** Writes up to this one are known to the watcher already. */
  readonly after: number;
  readonly deliver: WatchListener;
}

/** Entries kept for resuming watches; the real server keeps a similar window per resource. */
const HISTORY_LENGTH = 10_000;

/** What a write means to a watcher with a selector: an object may enter or leave its view by being modified. */
function eventFor(entry: LogEntry, target: WatchTarget): WatchEvent | undefined {
  if (entry.resource !== target.resource) return undefined;
  const matched = entry.previous !== undefined && target.matches(entry.previous);
  const matches = target.matches(entry.object);
  if (entry.type === 'DELETED') return matched || matches ? { type: 'DELETED', object: entry.object } : undefined;
  if (matches) return { type: matched ? 'MODIFIED' : 'ADDED', object: entry.object };
  return matched ? { type: 'DELETED', object: entry.object } : undefined;
}

/** The recent writes in order, and who is told of new ones. */
export class WatchLog {
  readonly #watchers = new Set<Watcher>();
  readonly #historyLength: number;
  #entries: LogEntry[] = [];
  #undelivered: LogEntry[] = [];
  #delivering = false;
  /** The newest resourceVersion that was forgotten. */
  #forgotten: number;

  constructor(firstResourceVersion: number, historyLength = HISTORY_LENGTH) {
    this.#forgotten = firstResourceVersion;
    this.#historyLength = historyLength;
  }

  /** How many watches are open. */
  get watcherCount(): number {
    return this.#watchers.size;
  }

  /** Records a write and tells the watchers; a write made by a listener is told after the current one. */
  append(entry: LogEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > 2 * this.#historyLength) this.forget(this.#entries.length - this.#historyLength);
    this.#undelivered.push(entry);
    if (!this.#delivering) this.#deliverAll();
  }

  #deliverAll(): void {
    this.#delivering = true;
    try {
      for (let entry = this.#undelivered.shift(); entry; entry = this.#undelivered.shift()) {
        for (const watcher of this.#watchers) {
          const event = entry.resourceVersion > watcher.after ? eventFor(entry, watcher) : undefined;
          if (event) watcher.deliver(event);
        }
      }
    } finally {
      this.#delivering = false;
    }
  }

  /** Drops the oldest entries, all by default: watches cannot resume from before them any more. */
  forget(count = this.#entries.length): void {
    const dropped = this.#entries.splice(0, count);
    this.#forgotten = dropped.at(-1)?.resourceVersion ?? this.#forgotten;
  }

  /**
   * The events after `resourceVersion`.
   * @throws StatusError Expired when that is too long ago.
   */
  since(resourceVersion: number, target: WatchTarget): WatchEvent[] {
    if (resourceVersion < this.#forgotten) {
      throw new StatusError('Expired', `too old resource version: ${resourceVersion} (${this.#forgotten})`);
    }
    return this.#entries
      .filter((entry) => entry.resourceVersion > resourceVersion)
      .map((entry) => eventFor(entry, target))
      .filter((event) => event !== undefined);
  }

  /** Tells `deliver` of every write after `after` that is not told yet, until the returned function is called. */
  subscribe(target: WatchTarget, after: number, deliver: WatchListener): () => void {
    const watcher: Watcher = { ...target, after, deliver };
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }
}
