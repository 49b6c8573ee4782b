import type { KubeObject } from '../../../src/resource-api/kube-object.ts';

/** An object that depends on an owner. */
export interface ObjectKey {
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string;
  /** None of its owners exists any more. */
  readonly isOrphan: boolean;
}

interface Known {
  readonly resource: string;
  readonly object: KubeObject;
}

/** Which objects name which owner, and which owners exist. */
export class OwnerIndex {
  readonly #known = new Map<string, Known>();
  readonly #dependents = new Map<string, Set<string>>();

  /** Notes an object as it is now. */
  put(resource: string, object: KubeObject): void {
    this.#unlink(object.metadata.uid);
    this.#known.set(object.metadata.uid, { resource, object });
    for (const owner of object.metadata.ownerReferences ?? []) {
      const dependents = this.#dependents.get(owner.uid) ?? new Set<string>();
      this.#dependents.set(owner.uid, dependents.add(object.metadata.uid));
    }
  }

  /** Forgets an object that is gone. */
  remove(uid: string): void {
    this.#unlink(uid);
    this.#known.delete(uid);
  }

  #unlink(uid: string): void {
    for (const owner of this.#known.get(uid)?.object.metadata.ownerReferences ?? []) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
    }
  }

  /** The objects that name `uid` as an owner. */
  dependentsOf(uid: string): ObjectKey[] {
    return [...(this.#dependents.get(uid) ?? [])]
      .map((dependent) => this.#known.get(dependent))
      .filter((known) => known !== undefined)
      .map(({ resource, object: { metadata } }) => ({
        resource,
        namespace: metadata.namespace,
        name: metadata.name,
        isOrphan: !(metadata.ownerReferences ?? []).some((owner) => this.#known.has(owner.uid)),
      }));
  }
}
