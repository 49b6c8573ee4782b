/** An object as the store keeps it. */
export interface StoredObject {
  metadata: { name: string; namespace?: string; uid: string; resourceVersion: string; [field: string]: unknown };
  [field: string]: unknown;
}

/** A change, as watches tell it. */
export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: string;
  readonly object: StoredObject;
}

/** What is stored of an object before it has a version. */
export type NewObject = Omit<StoredObject, 'metadata'> & {
  metadata: { name: string; namespace?: string; uid: string; [field: string]: unknown };
};

/** Names may hold anything here, slashes too, so that no separator of a text would do. */
function keyOf(resource: string, namespace: string | undefined, name: string): string {
  return JSON.stringify([resource, namespace ?? '', name]);
}

/** The objects of the API server by resource, namespace and name, with one counter of versions as etcd has. */
export class ApiStore {
  readonly #objects = new Map<string, StoredObject>();
  readonly #history: StoreEvent[] = [];
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  #version = 1;

  get version(): string {
    return `${this.#version}`;
  }

  find(resource: string, namespace: string | undefined, name: string): StoredObject | undefined {
    return this.#objects.get(keyOf(resource, namespace, name));
  }

  list(resource: string, namespace?: string): StoredObject[] {
    return [...this.#objects]
      .filter(([key]) => (JSON.parse(key) as string[])[0] === resource)
      .map(([, object]) => object)
      .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace);
  }

  /** Creates or replaces an object. */
  put(resource: string, object: NewObject): StoredObject {
    const { namespace, name } = object.metadata;
    const isNew = this.find(resource, namespace, name) === undefined;
    this.#version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: this.version } };
    this.#objects.set(keyOf(resource, namespace, name), stored);
    this.#tell({ type: isNew ? 'ADDED' : 'MODIFIED', resource, object: stored });
    return stored;
  }

  remove(resource: string, namespace: string | undefined, name: string): StoredObject | undefined {
    const object = this.find(resource, namespace, name);
    if (!object) return undefined;
    this.#objects.delete(keyOf(resource, namespace, name));
    this.#version += 1;
    const gone = { ...object, metadata: { ...object.metadata, resourceVersion: this.version } };
    this.#tell({ type: 'DELETED', resource, object: gone });
    return gone;
  }

  /** Tells every event of a resource after a version, those of the past first; ends when the returned function is called. */
  watch(resource: string, afterVersion: string, listen: (event: StoreEvent) => void): () => void {
    const listener = (event: StoreEvent) => {
      if (event.resource === resource) listen(event);
    };
    const after = Number(afterVersion);
    for (const event of this.#history) {
      if (Number(event.object.metadata.resourceVersion) > after) listener(event);
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(event: StoreEvent): void {
    this.#history.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}
