import type { FeatureGates } from '../feature-gates.ts';
import { KINDS } from '../kinds/kinds.ts';
import type { ResourceKind } from '../kinds/resource-kind.ts';
import type { KubeObject } from '../../../src/resource-api/kube-object.ts';
import { deepFreeze } from '../json-value.ts';
import type { ObjectOf } from '../object-types.ts';
import { applyPatch, type Patch } from '../patch/apply-patch.ts';
import { alreadyExists, badRequest, notFound, StatusError } from '../status-error.ts';
import { deletionOf, isReadyToGo, markDeleted, type DeleteOptions } from './deletion.ts';
import { objectName } from './object-meta.ts';
import { type ChangeRequest, decodeAs, prepareChange, prepareNew, type WriteContext } from './prepare-object.ts';
import { parseSelection, type Selection } from './selectors.ts';
import { WatchLog, type WatchEvent, type WatchListener, type WatchTarget } from './watch-log.ts';

/** How the store is set up. */
export interface StoreOptions {
  /** The kinds it serves; all this server knows by default. */
  readonly kinds?: readonly ResourceKind[];
  /** Feature gates that are off make the server drop their fields. */
  readonly featureGates?: FeatureGates;
  /** The clock of timestamps. */
  readonly now?: () => Date;
  /** How many writes a watch can resume over. */
  readonly historyLength?: number;
}

/** Which object of a resource is meant, and how. */
export interface ObjectOptions {
  readonly namespace?: string | undefined;
  readonly subresource?: string | undefined;
  /** Answer as if it were done, and do nothing. */
  readonly dryRun?: boolean | undefined;
}

/** A list and the state it shows. */
export interface ObjectList<T = KubeObject> {
  readonly items: T[];
  readonly resourceVersion: string;
}

/** What to watch, and from when on: without a resourceVersion the stored objects come first, as ADDED. */
export interface WatchOptions extends Selection {
  readonly resourceVersion?: string | undefined;
}

/** A write to a stored object. */
interface Change {
  readonly input: object;
  readonly options: ObjectOptions;
  readonly isApplied?: boolean;
}

/** The first resourceVersion that is given out; 0 and 1 have meanings of their own. */
const FIRST_RESOURCE_VERSION = 100;

/** The key under which a kind's objects are stored: its own, or that of the kind it is another view of. */
function storageOf(kind: ResourceKind): string {
  return kind.alias?.of ?? kind.key;
}

function keyOf(kind: ResourceKind, name: string, namespace: string | undefined): string {
  return kind.namespaced ? `${namespace ?? 'default'}/${name}` : name;
}

/** A stored object as the asked kind shows it. */
function shown(kind: ResourceKind, object: KubeObject): KubeObject {
  return kind.alias ? deepFreeze(kind.alias.fromStored(object)) : object;
}

/** What a client sent in the form that is stored. */
function toStored(kind: ResourceKind, input: object): object {
  return kind.alias ? kind.alias.toStored(decodeAs(kind, input)) : input;
}

/**
 * The objects of a cluster, kept in memory. Resources are named by their plural ("pods", "resourceclaims"). Every
 * object handed out is frozen: clone it before changing it. Every method is synchronous, so no other write comes
 * between a read and a write of the same tick.
 */
export class ObjectStore {
  readonly kinds: ReadonlyMap<string, ResourceKind>;
  /** Which fields are taken; may be changed, as by a new configuration of the server. */
  featureGates: FeatureGates;
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #log: WatchLog;
  readonly #now: () => Date;
  #resourceVersion = FIRST_RESOURCE_VERSION;

  constructor(options: StoreOptions = {}) {
    this.kinds = new Map((options.kinds ?? KINDS).map((kind) => [kind.key, kind]));
    this.featureGates = options.featureGates ?? {};
    this.#now = options.now ?? (() => new Date());
    this.#log = new WatchLog(FIRST_RESOURCE_VERSION, options.historyLength);
    for (const kind of this.kinds.values()) if (!kind.alias) this.#objects.set(kind.key, new Map());
  }

  /** The newest state, as a resourceVersion. */
  get resourceVersion(): string {
    return String(this.#resourceVersion);
  }

  /** How many watches are open. */
  get watcherCount(): number {
    return this.#log.watcherCount;
  }

  /** Forgets past writes: a watch that resumes from before now is answered 410 Expired. */
  forgetHistory(): void {
    this.#log.forget();
  }

  /** Reads one object; StatusError NotFound when it is not there. */
  get<R extends string>(resource: R, name: string, options: ObjectOptions = {}): ObjectOf<R> {
    const kind = this.#kind(resource);
    return this.#show(resource, this.#stored(kind, name, options.namespace));
  }

  /** Reads one object, undefined when it is not there. */
  find<R extends string>(resource: R, name: string, options: ObjectOptions = {}): ObjectOf<R> | undefined {
    const kind = this.#kind(resource);
    const object = this.#table(kind).get(keyOf(kind, name, options.namespace));
    return object && this.#show(resource, object);
  }

  /** The objects of a resource, ordered by namespace and name. */
  list<R extends string>(resource: R, selection: Selection = {}): ObjectList<ObjectOf<R>> {
    const kind = this.#kind(resource);
    const matches = parseSelection(selection, kind.selectableFields);
    const items = [...this.#table(kind).entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => shown(kind, object))
      .filter(matches);
    return { items: items as ObjectOf<R>[], resourceVersion: this.resourceVersion };
  }

  /** Stores a new object; the namespace is the option's, else the object's, else "default". */
  create<R extends string>(resource: R, input: object, options: ObjectOptions = {}): ObjectOf<R> {
    const kind = this.#kind(resource);
    const metadata = (input as Partial<KubeObject>).metadata;
    const namespace = kind.namespaced ? (options.namespace ?? metadata?.namespace ?? 'default') : undefined;
    if (metadata?.namespace !== undefined && kind.namespaced && metadata.namespace !== namespace) {
      throw new StatusError('BadRequest', 'the namespace of the provided object does not match the namespace sent');
    }
    const draft = prepareNew(toStored(kind, input), namespace, this.#context(kind));
    this.#checkNamespace(kind, draft);
    const key = keyOf(kind, draft.metadata.name, namespace);
    if (this.#table(kind).has(key)) throw alreadyExists(objectName(kind, draft.metadata.name));
    return this.#show(resource, options.dryRun ? draft : this.#commit(kind, draft, undefined));
  }

  /** Replaces an object, or one part of it through a subresource; conflicts when its resourceVersion is not the stored. */
  update<R extends string>(resource: R, input: object, options: ObjectOptions = {}): ObjectOf<R> {
    const kind = this.#kind(resource);
    const metadata = (input as Partial<KubeObject>).metadata;
    const current = this.#stored(kind, metadata?.name ?? '', options.namespace ?? metadata?.namespace);
    return this.#show(resource, this.#change(kind, current, { input: toStored(kind, input), options }));
  }

  /** Changes an object by a patch; an apply patch makes it when it is not there. */
  patch<R extends string>(resource: R, name: string, patch: Patch, options: ObjectOptions = {}): ObjectOf<R> {
    const kind = this.#kind(resource);
    const found = this.#table(kind).get(keyOf(kind, name, options.namespace));
    const isNew = !found && patch.type === 'apply' && options.subresource === undefined;
    if (!found && !isNew) throw notFound(objectName(kind, name));
    const current = found && shown(kind, found);
    const request = { kind, now: this.#now(), subresource: options.subresource };
    const patched = applyPatch(current, patch, request);
    if (!found) {
      const named = { ...patched, metadata: { ...(patched['metadata'] as object), name } };
      return this.create(resource, named, options);
    }
    const change = { input: toStored(kind, patched), options, isApplied: patch.type === 'apply' };
    return this.#show(resource, this.#change(kind, found, change));
  }

  /** Runs an action subresource, such as the binding of a pod to a node. */
  act<R extends string>(
    resource: R,
    name: string,
    body: object,
    options: ObjectOptions & { subresource: string },
  ): ObjectOf<R> {
    const kind = this.#kind(resource);
    const current = this.#stored(kind, name, options.namespace);
    const action = kind.subresources[options.subresource];
    if (action?.kind !== 'action') throw notFound(objectName(kind, `${name}/${options.subresource}`));
    const changed = action.apply(structuredClone(current), body as KubeObject);
    return this.#show(
      resource,
      this.#change(kind, current, { input: changed, options: { ...options, subresource: undefined } }),
    );
  }

  /**
   * Deletes an object: at once, or marked until its finalizers are gone and its grace is over.
   * Returns its last state.
   */
  delete<R extends string>(resource: R, name: string, options: ObjectOptions & DeleteOptions = {}): ObjectOf<R> {
    const kind = this.#kind(resource);
    const current = this.#stored(kind, name, options.namespace);
    const deletion = deletionOf(current, kind, options);
    if (options.dryRun || deletion.kind === 'under-way') return this.#show(resource, current);
    if (deletion.kind === 'remove') return this.#show(resource, this.#remove(kind, current));
    const marked = this.#commit(kind, markDeleted(current, deletion.graceSeconds, this.#now()), current);
    return this.#show(resource, marked);
  }

  /**
   * Tells `listener` of the writes to a resource until the returned function is called. The listener runs within the
   * write and must not throw.
   * @throws StatusError Expired when the resourceVersion is too old.
   */
  watch<R extends string>(resource: R, listener: WatchListener<ObjectOf<R>>, options: WatchOptions = {}): () => void {
    const kind = this.#kind(resource);
    const matches = parseSelection(options, kind.selectableFields);
    const target: WatchTarget = {
      resource: storageOf(kind),
      matches: (object) => matches(shown(kind, object)),
    };
    const deliver = (event: WatchEvent): void => {
      listener({ type: event.type, object: this.#show(resource, event.object) });
    };
    const { resourceVersion = '' } = options;
    if (resourceVersion === '' || resourceVersion === '0') {
      for (const object of this.list(resource, options).items) listener({ type: 'ADDED', object });
    } else {
      const from = Number(resourceVersion);
      if (!Number.isInteger(from))
        throw badRequest(`Cannot watch from resourceVersion "${resourceVersion}": not a number`);
      for (const event of this.#log.since(from, target)) deliver(event);
    }
    return this.#log.subscribe(target, this.#resourceVersion, deliver);
  }

  #show<R extends string>(resource: R, object: KubeObject): ObjectOf<R> {
    return shown(this.#kind(resource), object) as ObjectOf<R>;
  }

  #kind(resource: string): ResourceKind {
    const kind = this.kinds.get(resource);
    if (!kind) throw new StatusError('NotFound', `the server could not find the requested resource "${resource}"`);
    return kind;
  }

  #table(kind: ResourceKind): Map<string, KubeObject> {
    return this.#objects.get(storageOf(kind)) ?? new Map<string, KubeObject>();
  }

  #stored(kind: ResourceKind, name: string, namespace: string | undefined): KubeObject {
    const object = this.#table(kind).get(keyOf(kind, name, namespace));
    if (!object) throw notFound(objectName(kind, name));
    return object;
  }

  /** Writes always use the kind under which objects are stored. */
  #context(kind: ResourceKind): WriteContext {
    return { kind: this.#kind(storageOf(kind)), gates: this.featureGates, now: this.#now() };
  }

  #change(kind: ResourceKind, current: KubeObject, change: Change): KubeObject {
    const { input, options, isApplied = false } = change;
    const request: ChangeRequest = { context: this.#context(kind), subresource: options.subresource, isApplied };
    const draft = prepareChange(input, current, request);
    if (draft === current || options.dryRun) return draft;
    return isReadyToGo(draft) ? this.#remove(kind, current, draft) : this.#commit(kind, draft, current);
  }

  #commit(kind: ResourceKind, draft: KubeObject, previous: KubeObject | undefined): KubeObject {
    const object = this.#versioned(draft);
    const resource = storageOf(kind);
    this.#table(kind).set(keyOf(kind, object.metadata.name, object.metadata.namespace), object);
    const type = previous ? 'MODIFIED' : 'ADDED';
    this.#log.append({ resourceVersion: this.#resourceVersion, resource, type, object, previous });
    return object;
  }

  #versioned(draft: KubeObject): KubeObject {
    this.#resourceVersion++;
    const metadata = { ...draft.metadata, resourceVersion: this.resourceVersion };
    return deepFreeze({ ...draft, metadata });
  }

  #remove(kind: ResourceKind, current: KubeObject, last = current): KubeObject {
    const object = this.#versioned(last);
    const resource = storageOf(kind);
    this.#table(kind).delete(keyOf(kind, current.metadata.name, current.metadata.namespace));
    this.#log.append({ resourceVersion: this.#resourceVersion, resource, type: 'DELETED', object, previous: current });
    return object;
  }

  #checkNamespace(kind: ResourceKind, draft: KubeObject): void {
    const { namespace, name } = draft.metadata;
    if (namespace === undefined || !this.kinds.has('namespaces')) return;
    const found = this.get('namespaces', namespace);
    if (found.metadata.deletionTimestamp === undefined) return;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    throw new StatusError('Forbidden', `${kind.plural} "${name}" is forbidden: ${why}`);
  }
}
