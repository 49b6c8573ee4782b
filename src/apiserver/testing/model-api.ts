import type { Dice } from '../../lib/testing/dice.ts';
import { ApiError } from '../api-error.ts';
import type { ApiObject } from '../api-object.ts';
import type { ApiList, WatchOptions } from '../client.ts';
import type { WatchEvent } from '../watch-event.ts';

/** A write as the server remembers it. */
interface Written {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: ApiObject;
}

/** A list on its way: first it is read, then its answer arrives. */
interface ListCall {
  answer: ApiList<ApiObject> | undefined;
  readonly resolve: (list: ApiList<ApiObject>) => void;
  readonly reject: (error: unknown) => void;
}

/** A watch that is open: what it has not told yet lies behind `version`. */
interface WatchCall {
  version: number;
  readonly arrived: WatchEvent<ApiObject>[];
  end: { readonly error?: unknown } | undefined;
  wake: () => void;
}

/** Whoever writes is answered, sooner or later. */
interface WriteCall {
  readonly write: () => ApiObject;
  answer: ApiObject | ApiError | undefined;
  readonly take: (answer: ApiObject | ApiError) => void;
}

const FIRST_VERSION = 98;

/**
 * An API server with a few objects whose every step waits until it is taken: reading a list and answering it, writing and answering,
 * each event of a watch. So all orders of what a client sees can be tried.
 */
export class ModelApi {
  readonly #dice: Dice;
  #version = FIRST_VERSION;
  #objects = new Map<string, ApiObject>();
  #history: Written[] = [];
  #forgotten = FIRST_VERSION;
  #backup: { version: number; objects: Map<string, ApiObject>; history: Written[] } | undefined;
  #serial = 0;
  #lists: ListCall[] = [];
  #watches: WatchCall[] = [];
  #writes: WriteCall[] = [];

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  get objects(): readonly ApiObject[] {
    return [...this.#objects.values()];
  }

  /** What the client calls. */
  readonly client = {
    list: (_address: object, { signal }: { signal?: AbortSignal } = {}) => this.#list(signal),
    watch: (_address: object, options: WatchOptions) => this.#watch(options),
  };

  /** Sends a write; `take` gets the answer when it arrives. */
  send(write: () => ApiObject, take: WriteCall['take']): void {
    this.#writes.push({ write, answer: undefined, take });
  }

  /** Makes an object, also under a name that another one had. */
  create(name: string): ApiObject {
    if (this.#objects.has(name)) throw new ApiError('AlreadyExists', `${name} exists`, { status: 409 });
    return this.#store('ADDED', { name, uid: `uid-${(this.#serial += 1)}` });
  }

  update(name: string): ApiObject {
    return this.#store('MODIFIED', this.#find(name).metadata);
  }

  delete(name: string): ApiObject {
    const { metadata } = this.#find(name);
    return this.#store('DELETED', metadata);
  }

  /** Remembers the state of now, for `restore`. */
  backUp(): void {
    this.#backup = { version: this.#version, objects: new Map(this.#objects), history: [...this.#history] };
  }

  /** Goes back to the backup; watches break, as the server is started again. */
  restore(): void {
    if (this.#backup === undefined) return;
    this.#version = this.#backup.version;
    this.#objects = new Map(this.#backup.objects);
    this.#history = [...this.#backup.history];
    this.#forgotten = Math.min(this.#forgotten, this.#version);
    for (const watch of this.#watches) this.#end(watch, new ApiError('Unreachable', 'connection refused'));
  }

  /** Watches can go on from now only. */
  forgetHistory(): void {
    this.#forgotten = this.#version;
  }

  /** Takes one step of a list on its way. */
  stepList(mayFail: boolean): boolean {
    const call = this.#dice.pick(this.#lists);
    if (call === undefined) return false;
    if (call.answer === undefined && !(mayFail && this.#dice.chance(0.2))) {
      const items = this.objects;
      call.answer = { items: [...items], resourceVersion: String(this.#version), length: items.length };
      return true;
    }
    this.#lists = this.#lists.filter((other) => other !== call);
    if (call.answer === undefined) call.reject(new ApiError('Unreachable', 'connection reset'));
    else call.resolve(call.answer);
    return true;
  }

  /** Takes one step of a write on its way: carries it out, or lets the answer arrive or be lost. */
  stepWrite(mayFail: boolean): boolean {
    const call = this.#dice.pick(this.#writes);
    if (call === undefined) return false;
    if (call.answer === undefined) {
      call.answer = this.#carryOut(call);
      return true;
    }
    this.#writes = this.#writes.filter((other) => other !== call);
    const isLost = mayFail && this.#dice.chance(0.1);
    call.take(isLost ? new ApiError('Unreachable', 'connection reset') : call.answer);
    return true;
  }

  /** Lets the next event of a watch arrive, undisturbed or in one of the ways that a bad proxy or server has. */
  stepWatch(isUndisturbed: boolean): boolean {
    const watch = this.#dice.pick(this.#watches);
    if (watch === undefined) return false;
    const next = this.#history.find(({ version }) => version > watch.version);
    if (next === undefined) return this.#bookmark(watch, isUndisturbed);
    if (!isUndisturbed && this.#dice.chance(0.05)) return this.#repeat(watch);
    watch.version = next.version;
    this.#arrive(watch, next);
    return true;
  }

  /** Ends a watch: its time is over, or its connection breaks. */
  endWatch(isBroken: boolean): boolean {
    const watch = this.#dice.pick(this.#watches);
    if (watch === undefined) return false;
    this.#end(watch, isBroken ? new ApiError('Unreachable', 'connection reset') : undefined);
    return true;
  }

  #find(name: string): ApiObject {
    const object = this.#objects.get(name);
    if (object === undefined) throw new ApiError('NotFound', `${name} not found`, { status: 404 });
    return object;
  }

  #store(type: Written['type'], { name, uid }: { name: string; uid: string }): ApiObject {
    this.#version += 1;
    const object: ApiObject = { metadata: { name, uid, resourceVersion: String(this.#version) } };
    if (type === 'DELETED') this.#objects.delete(name);
    else this.#objects.set(name, object);
    this.#history.push({ version: this.#version, type, object });
    return object;
  }

  #carryOut({ write }: WriteCall): ApiObject | ApiError {
    try {
      return write();
    } catch (error) {
      return error as ApiError;
    }
  }

  #bookmark(watch: WatchCall, isUndisturbed: boolean): boolean {
    if (isUndisturbed) return false;
    // A server that is behind the others tells an older place.
    const version = String(this.#version - this.#dice.below(3));
    watch.arrived.push({ type: 'BOOKMARK', resourceVersion: version });
    watch.wake();
    return true;
  }

  #repeat(watch: WatchCall): boolean {
    const past = this.#dice.pick(this.#history.filter(({ version }) => version <= watch.version));
    if (past === undefined) return false;
    this.#arrive(watch, past);
    return true;
  }

  #arrive(watch: WatchCall, { type, object }: Written): void {
    watch.arrived.push({ type, object, length: 1 });
    watch.wake();
  }

  #end(watch: WatchCall, error: unknown): void {
    watch.end = error === undefined ? {} : { error };
    watch.wake();
  }

  async #list(signal?: AbortSignal): Promise<ApiList<ApiObject>> {
    const { promise, resolve, reject } = Promise.withResolvers<ApiList<ApiObject>>();
    const call = { answer: undefined, resolve, reject };
    this.#lists.push(call);
    signal?.addEventListener('abort', () => {
      this.#lists = this.#lists.filter((other) => other !== call);
      reject(signal.reason as Error);
    });
    return promise;
  }

  async *#watch({ resourceVersion, signal, onOpen }: WatchOptions): AsyncGenerator<WatchEvent<ApiObject>> {
    const version = Number(resourceVersion);
    if (version < this.#forgotten) throw new ApiError('Expired', 'too old resource version', { status: 410 });
    if (version > this.#version && this.#dice.chance(0.5)) {
      throw new ApiError('Timeout', 'Too large resource version', { status: 504 });
    }
    onOpen?.();
    const watch: WatchCall = { version, arrived: [], end: undefined, wake: () => {} };
    this.#watches.push(watch);
    signal.addEventListener('abort', () => this.#end(watch, signal.reason));
    try {
      for (;;) {
        const event = watch.arrived.shift();
        if (event !== undefined) yield event;
        else if (watch.end?.error !== undefined) throw watch.end.error as Error;
        else if (watch.end !== undefined) return;
        else await new Promise<void>((resolve) => void (watch.wake = resolve));
      }
    } finally {
      this.#watches = this.#watches.filter((other) => other !== watch);
    }
  }
}
