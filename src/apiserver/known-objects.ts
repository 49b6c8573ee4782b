import { ApiError } from './api-error.ts';
import type { ApiObject } from './api-object.ts';
import { isEarlier, toComparable } from './resource-version.ts';

/** Objects as one list shows them. */
export interface ListedObjects<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** How long its text was, in characters. */
  readonly length: number;
}

interface Entry<T> {
  readonly object: T;
  /** What keeping it costs: how long its text is about, in characters. */
  readonly length: number;
}

/** How many objects are kept, and how long their texts may be together. A node of 8,192 CPUs has 128 slices of 100 KiB. */
const OBJECTS_MAX = 10_000;
const LENGTH_MAX = 64 * 1024 * 1024;

function keyOf({ metadata: { namespace = '', name } }: ApiObject): string {
  return `${namespace}/${name}`;
}

function versionOf({ metadata }: ApiObject): string {
  return toComparable(metadata.resourceVersion);
}

/** Whether `a` is an earlier state than `b`; of two objects of one name the later one is the other's successor. */
function isBefore(a: ApiObject, b: ApiObject): boolean {
  return isEarlier(versionOf(a), versionOf(b));
}

/**
 * The newest known state of some objects, from a list, the events of a watch, and the answers to writes, in whatever order these
 * come. A server tells the writes of a resource in their order, so that all of them up to the *position* (the resourceVersion of the
 * list or of the last event) are known: an answer from before the position about an object that is not known is about one that was
 * deleted meanwhile.
 */
export class KnownObjects<T extends ApiObject> {
  #entries = new Map<string, Entry<T>>();
  #length = 0;
  #position: string | undefined;
  /** Keys of what answers told while a list is on its way, which may not have it yet. */
  #noted: Set<string> | undefined;

  /** All writes up to this resourceVersion are known; undefined before the first list. */
  get position(): string | undefined {
    return this.#position;
  }

  /** The objects as far as is known. */
  get objects(): readonly T[] {
    return [...this.#entries.values()].map(({ object }) => object);
  }

  /** A list is asked for: what answers tell from now on may be newer than it. */
  beginList(): void {
    this.#noted = new Set();
  }

  /** Takes in a list: what it does not have is gone, except what was written while it was on its way. */
  replace({ items, resourceVersion, length }: ListedObjects<T>): void {
    const position = toComparable(resourceVersion);
    const newer = [...(this.#noted ?? [])].flatMap((key) => {
      const entry = this.#entries.get(key);
      return entry && isEarlier(position, versionOf(entry.object)) ? [entry] : [];
    });
    const averageLength = length / Math.max(1, items.length);
    this.#entries = new Map();
    this.#length = 0;
    for (const object of items) this.#put({ object, length: averageLength });
    for (const entry of newer) this.#putNewer(entry);
    this.#noted = undefined;
    this.#position = position;
  }

  /** Takes in an event. @throws ApiError OutOfOrder when it is about a write that is known already: the server went back. */
  apply(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T, length: number): void {
    const { uid } = object.metadata;
    const resourceVersion = versionOf(object);
    if (this.#position !== undefined && !isEarlier(this.#position, resourceVersion)) {
      const message = `an event has resourceVersion ${resourceVersion}, the watch is at ${this.#position}`;
      throw new ApiError('OutOfOrder', `Cannot follow the watch: ${message}`);
    }
    this.#position = resourceVersion;
    if (type !== 'DELETED') return this.#putNewer({ object, length });
    const known = this.#entries.get(keyOf(object));
    if (known && (known.object.metadata.uid === uid || isBefore(known.object, object))) this.#drop(keyOf(object));
  }

  /** Takes in that nothing else happened up to a resourceVersion. A server behind the one that was asked before may be there later. */
  advance(resourceVersion: string): void {
    const version = toComparable(resourceVersion);
    if (this.#position !== undefined && isEarlier(this.#position, version)) this.#position = version;
  }

  /**
   * Takes in what the server answered.
   * @param position where the watch was when the request was sent.
   * @returns false when the answer is of an earlier time than that: the server went back.
   */
  note(object: T, position: string | undefined): boolean {
    const resourceVersion = versionOf(object);
    const key = keyOf(object);
    const known = this.#entries.get(key)?.object;
    if (known && known.metadata.uid === object.metadata.uid && versionOf(known) === resourceVersion) return true;
    if (position !== undefined && !isEarlier(position, resourceVersion)) return false;
    const isPast = this.#position !== undefined && !isEarlier(this.#position, resourceVersion);
    if (isPast) return true;
    this.#noted?.add(key);
    this.#putNewer({ object, length: 0 });
    return true;
  }

  /** Takes in that an object is gone. */
  forget(uid: string): void {
    for (const [key, { object }] of this.#entries) if (object.metadata.uid === uid) this.#drop(key);
  }

  #putNewer(entry: Entry<T>): void {
    const known = this.#entries.get(keyOf(entry.object));
    if (known === undefined || isBefore(known.object, entry.object)) this.#put(entry);
  }

  /** @throws ApiError MalformedAnswer when these are more objects than anything sensible. */
  #put(entry: Entry<T>): void {
    const key = keyOf(entry.object);
    this.#drop(key);
    if (this.#entries.size >= OBJECTS_MAX || this.#length + entry.length > LENGTH_MAX) {
      const message = `want at most ${OBJECTS_MAX} of ${LENGTH_MAX} characters together`;
      throw new ApiError('MalformedAnswer', `Cannot keep the objects that the API server tells of: ${message}`);
    }
    this.#entries.set(key, entry);
    this.#length += entry.length;
  }

  #drop(key: string): void {
    this.#length -= this.#entries.get(key)?.length ?? 0;
    this.#entries.delete(key);
  }
}
