import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerWithFault, befalls, type Fault, type FaultSubject } from './api-faults.ts';
import { ApiStore, type NewObject, type StoredObject } from './api-store.ts';

/** Where a request goes. */
interface ApiPath extends FaultSubject {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/** An answer that goes well, or the API's refusal. */
interface Answer {
  readonly code: number;
  readonly body: string;
}

/** What a list of a resource says of itself. */
const KINDS: Readonly<Record<string, { readonly kind: string; readonly apiVersion: string }>> = {
  nodes: { kind: 'Node', apiVersion: 'v1' },
  events: { kind: 'Event', apiVersion: 'v1' },
  resourceclaims: { kind: 'ResourceClaim', apiVersion: 'resource.k8s.io/v1' },
  resourceslices: { kind: 'ResourceSlice', apiVersion: 'resource.k8s.io/v1' },
};

const BODY_BYTES_MAX = 16 * 1024 * 1024;

/** A Status; with details of the object that is not there, as opposed to a resource that is not served. */
function refusal(code: number, reason: string, details?: { readonly name: string; readonly kind: string }): Answer {
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: reason, reason, code };
  return { code, body: JSON.stringify({ ...body, ...(details && { details }) }) };
}

/** "/apis/resource.k8s.io/v1/namespaces/shop/resourceclaims/db/status" in its parts; undefined for any other path. */
function parsePath(request: IncomingMessage): ApiPath | undefined {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const steps = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
  const rest = steps[0] === 'api' ? steps.slice(2) : steps.slice(3);
  const namespace = rest[0] === 'namespaces' && rest.length > 2 ? rest[1] : undefined;
  const [resource, name, subresource] = namespace === undefined ? rest : rest.slice(2);
  if (resource === undefined) return undefined;
  const isWatch = url.searchParams.get('watch') === 'true';
  return { method: request.method ?? 'GET', resource, namespace, name, subresource, isWatch };
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    lengthBytes += chunk.length;
    if (lengthBytes <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  return lengthBytes === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>);
}

/**
 * A small API server of the suite's own: the objects that a CPU driver reads and writes, over plain HTTP on loopback, with watches,
 * and with faults that the story switches on and off.
 */
export class HostileApiServer {
  readonly store = new ApiStore();
  /** A slice is removed, and the watch tells so, before its POST is answered. */
  deletesBeforeAnswer = false;
  readonly #server: Server;
  #faults: readonly Fault[] = [];
  #healed = Promise.withResolvers<void>();
  #slices = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      response.on('error', () => undefined);
      this.#serve(request, response).catch(() => request.socket.destroy());
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.heal();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** From now on these faults, and no others, befall requests. */
  fail(faults: readonly Fault[]): void {
    this.heal();
    this.#faults = faults;
  }

  /** Everything goes well again; requests that hang are dropped. */
  heal(): void {
    this.#faults = [];
    this.deletesBeforeAnswer = false;
    this.#healed.resolve();
    this.#healed = Promise.withResolvers<void>();
  }

  /** The connections of watches break, as when a server of several is stopped. */
  breakConnections(): void {
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = parsePath(request);
    const body = await readBody(request);
    if (!path) return this.#answer(response, this.#document(request.url ?? '/'));
    const fault = this.#faults.find((one) => befalls(one, path));
    if (fault) {
      const right = () => this.#handle(path, body, request).body;
      return answerWithFault(fault.kind, { request, response }, { body: right, healed: this.#healed.promise });
    }
    if (path.isWatch) return this.#watch(path, request, response);
    const answer = this.#handle(path, body, request);
    if (this.deletesBeforeAnswer && path.method === 'POST' && path.resource === 'resourceslices') {
      for (const { metadata } of this.store.list('resourceslices')) {
        this.store.remove('resourceslices', undefined, metadata.name);
      }
      // The events go out on the watch's connection first.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.#answer(response, answer);
  }

  #answer(response: ServerResponse, { code, body }: Answer): void {
    response.writeHead(code, { 'content-type': 'application/json' });
    response.end(body);
  }

  #document(url: string): Answer {
    if (url.startsWith('/version')) return { code: 200, body: '{"gitVersion":"v1.37.1"}' };
    if (url.startsWith('/apis/resource.k8s.io')) {
      return { code: 200, body: '{"kind":"APIGroup","versions":[{"groupVersion":"resource.k8s.io/v1"}]}' };
    }
    return refusal(404, 'NotFound');
  }

  #watch({ resource }: ApiPath, request: IncomingMessage, response: ServerResponse): void {
    const version = new URL(request.url ?? '/', 'http://localhost').searchParams.get('resourceVersion') ?? '0';
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const end = this.store.watch(resource, version, ({ type, object }) => {
      response.write(`${JSON.stringify({ type, object })}\n`);
    });
    response.on('close', end);
  }

  #handle(path: ApiPath, body: Record<string, unknown>, request: IncomingMessage): Answer {
    const { method, resource, namespace, name } = path;
    if (method === 'POST') return this.#create(path, body, request.url?.includes('dryRun=All') === true);
    if (name === undefined) return { code: 200, body: JSON.stringify(this.#list(resource, namespace)) };
    const stored = this.store.find(resource, namespace, name);
    if (!stored) return refusal(404, 'NotFound', { name, kind: resource });
    if (method === 'GET') return { code: 200, body: JSON.stringify(stored) };
    if (method === 'DELETE') {
      this.store.remove(resource, namespace, name);
      return { code: 200, body: '{"kind":"Status","status":"Success"}' };
    }
    return { code: 200, body: JSON.stringify(this.#change(path, stored, body)) };
  }

  #list(resource: string, namespace: string | undefined): object {
    const metadata = { resourceVersion: this.store.version };
    const { kind, apiVersion } = KINDS[resource] ?? { kind: 'Object', apiVersion: 'v1' };
    return { kind: `${kind}List`, apiVersion, metadata, items: this.store.list(resource, namespace) };
  }

  #create({ resource, namespace }: ApiPath, body: Record<string, unknown>, isDryRun: boolean): Answer {
    this.#slices += 1;
    const metadata = (body['metadata'] ?? {}) as { name?: string; generateName?: string };
    const name = metadata.name ?? `${metadata.generateName ?? 'object-'}${this.#slices}`;
    const uid = `00000000-0000-4000-8000-${this.#slices.toString().padStart(12, '0')}`;
    const place = namespace === undefined ? {} : { namespace };
    const object: NewObject = { ...body, metadata: { ...metadata, ...place, name, uid } };
    const stored = isDryRun
      ? { ...object, metadata: { ...object.metadata, resourceVersion: '0' } }
      : this.store.put(resource, object);
    return { code: 201, body: JSON.stringify(stored) };
  }

  /** PUT replaces what is not the server's; a patch of a claim's status sets the devices that the driver applies. */
  #change({ method, resource }: ApiPath, stored: StoredObject, body: Record<string, unknown>): StoredObject {
    if (method === 'PUT') {
      const metadata = { ...(body['metadata'] as object), name: stored.metadata.name, uid: stored.metadata.uid };
      return this.store.put(resource, { ...body, metadata });
    }
    const status = { ...(stored['status'] as object), ...(body['status'] as object) };
    return this.store.put(
      resource,
      resource === 'events' ? { ...stored, ...body, metadata: stored.metadata } : { ...stored, status },
    );
  }
}
