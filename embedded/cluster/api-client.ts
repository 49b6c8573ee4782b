import type { KubeObject } from '../../src/resource-api/kube-object.ts';
import type { ObjectOf } from '../apiserver/object-types.ts';
import { CodedError } from '../../src/lib/coded-error.ts';

/** Where the objects of a resource are. */
const PREFIXES: Readonly<Record<string, string>> = {
  nodes: '/api/v1',
  pods: '/api/v1/namespaces/default',
  events: '/api/v1/namespaces/default',
  deviceclasses: '/apis/resource.k8s.io/v1',
  resourceslices: '/apis/resource.k8s.io/v1',
  resourceclaims: '/apis/resource.k8s.io/v1/namespaces/default',
  resourceclaimtemplates: '/apis/resource.k8s.io/v1/namespaces/default',
};

/** The API server refuses a request; `code` is the HTTP status. */
class ApiError extends CodedError<number> {
  override readonly name = 'ApiError';
}

/** What demos and stories ask of an API server, in the namespace "default". */
export class ApiClient {
  readonly #server: string;

  /** @param server its base URL */
  constructor(server: string) {
    this.#server = server;
  }

  /** The object, undefined when there is none. */
  async find<R extends string>(resource: R, name: string): Promise<ObjectOf<R> | undefined> {
    try {
      return (await this.#send('GET', resource, { name })) as ObjectOf<R>;
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    }
  }

  async list<R extends string>(resource: R): Promise<ObjectOf<R>[]> {
    return ((await this.#send('GET', resource)) as { items: ObjectOf<R>[] }).items;
  }

  async create<R extends string>(resource: R, object: object): Promise<ObjectOf<R>> {
    return (await this.#send('POST', resource, { body: object })) as ObjectOf<R>;
  }

  /** Replaces the object of the same name. */
  async replace<R extends string>(resource: R, object: KubeObject): Promise<ObjectOf<R>> {
    return (await this.#send('PUT', resource, { name: object.metadata.name, body: object })) as ObjectOf<R>;
  }

  /** With `graceSeconds` 0 a pod is deleted by force. */
  async delete(resource: string, name: string, graceSeconds?: number): Promise<void> {
    const query = graceSeconds === undefined ? '' : `?gracePeriodSeconds=${graceSeconds}`;
    await this.#send('DELETE', resource, { name: `${name}${query}` });
  }

  async #send(method: string, resource: string, what: { name?: string; body?: object } = {}): Promise<unknown> {
    const path = `${PREFIXES[resource]}/${resource}${what.name === undefined ? '' : `/${what.name}`}`;
    const response = await fetch(`${this.#server}${path}`, {
      method,
      ...(what.body ? { body: JSON.stringify(what.body), headers: { 'content-type': 'application/json' } } : {}),
    });
    const answer = (await response.json()) as { message?: string };
    if (response.ok) return answer;
    throw new ApiError(response.status, `Cannot ${method} ${path}: ${answer.message ?? response.statusText}`);
  }
}
