import type { IncomingMessage, ServerResponse } from 'node:http';
import { isJsonObject, type KubeObject } from '../../../src/resource-api/kube-object.ts';
import { apiVersionOf } from '../kinds/resource-kind.ts';
import type { Patch } from '../patch/apply-patch.ts';
import { decodeObject } from '../schema.ts';
import { badRequest, StatusError } from '../status-error.ts';
import type { DeleteOptions } from '../store/deletion.ts';
import type { ObjectOptions, ObjectStore } from '../store/object-store.ts';
import type { Selection } from '../store/selectors.ts';
import { mediaType, readBody } from './body.ts';
import { listPage } from './list-page.ts';
import type { ResourceTarget } from './request-target.ts';
import { itemText, objectText, sendText } from './respond.ts';
import { toTable } from './table.ts';
import { respondWithWatch } from './watch-response.ts';

/** A request for a resource, taken apart. */
export interface ResourceRequest {
  readonly verb: string;
  readonly target: ResourceTarget;
  readonly query: URLSearchParams;
  readonly message: IncomingMessage;
}

/** The verb of a request as RBAC names it; undefined for a method that a path does not take. */
export function verbOf(method: string, target: ResourceTarget, query: URLSearchParams): string | undefined {
  const isOne = target.name !== undefined;
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (isOne) return 'get';
      return isTrue(query, 'watch') ? 'watch' : 'list';
    case 'POST':
      return isOne && target.subresource === undefined ? undefined : 'create';
    case 'PUT':
      return isOne ? 'update' : undefined;
    case 'PATCH':
      return isOne ? 'patch' : undefined;
    case 'DELETE':
      return isOne ? 'delete' : undefined;
    default:
      return undefined;
  }
}

function isTrue(query: URLSearchParams, name: string): boolean {
  return ['true', '1'].includes(query.get(name) ?? '');
}

function selectionOf({ target, query }: ResourceRequest): Selection {
  return {
    namespace: target.namespace,
    labelSelector: query.get('labelSelector') ?? undefined,
    fieldSelector: query.get('fieldSelector') ?? undefined,
  };
}

function optionsOf({ target, query }: ResourceRequest): ObjectOptions {
  return { namespace: target.namespace, subresource: target.subresource, dryRun: query.get('dryRun') === 'All' };
}

/** The includeObject of the tables a client asks for, undefined when it wants objects. */
function tableWanted({ message, query }: ResourceRequest): string | undefined {
  const isTable = (message.headers.accept ?? '').split(',').some((type) => /;as=Table\b/.test(type));
  return isTable ? (query.get('includeObject') ?? 'Metadata') : undefined;
}

function sendObject(
  response: ServerResponse,
  request: ResourceRequest,
  answer: { object: KubeObject; code: number },
): void {
  const { object, code } = answer;
  const includeObject = request.verb === 'get' ? tableWanted(request) : undefined;
  if (includeObject === undefined) return sendText(response, code, objectText(object));
  const { resourceVersion } = object.metadata;
  const how = { kind: request.target.kind, now: new Date(), includeObject, metadata: { resourceVersion } };
  return sendText(response, code, JSON.stringify(toTable([object], how)));
}

function sendList(store: ObjectStore, request: ResourceRequest, response: ServerResponse): void {
  const { kind } = request.target;
  const list = store.list(kind.key, selectionOf(request));
  const page = listPage(list, request.query);
  const includeObject = tableWanted(request);
  if (includeObject !== undefined) {
    const how = { kind, now: new Date(), includeObject, metadata: page.metadata };
    return sendText(response, 200, JSON.stringify(toTable(page.items, how)));
  }
  const head = JSON.stringify({ kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata: page.metadata });
  return sendText(response, 200, `${head.slice(0, -1)},"items":[${page.items.map(itemText).join(',')}]}`);
}

function startWatch(store: ObjectStore, request: ResourceRequest, response: ServerResponse): void {
  const { query, target } = request;
  const timeoutSeconds = Number(query.get('timeoutSeconds') ?? 0);
  respondWithWatch(
    store,
    {
      kind: target.kind,
      options: { ...selectionOf(request), resourceVersion: query.get('resourceVersion') ?? undefined },
      allowBookmarks: isTrue(query, 'allowWatchBookmarks'),
      sendInitialEvents: isTrue(query, 'sendInitialEvents'),
      timeoutMs: timeoutSeconds > 0 ? timeoutSeconds * 1000 : undefined,
      tableWith: tableWanted(request),
    },
    response,
  );
}

/** The body of a create or update; fields that the kind does not have are refused where the client wants that, else dropped. */
async function objectBody(request: ResourceRequest): Promise<object> {
  const body = await readBody(request.message);
  if (!isJsonObject(body)) throw badRequest('Cannot read the object: the body must be a JSON or YAML object');
  const { kind } = request.target;
  if (request.query.get('fieldValidation') !== 'Strict') return body;
  const unknown = decodeObject(body, kind.type).unknownFields.map((field) => `unknown field "${field}"`);
  if (unknown.length === 0) return body;
  const head = `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}`;
  throw badRequest(`${head}: strict decoding error: ${unknown.join(', ')}`);
}

const success = (details: object): string =>
  JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', ...details });

async function create(store: ObjectStore, request: ResourceRequest, response: ServerResponse): Promise<void> {
  const { kind, name, subresource } = request.target;
  if (name === undefined || subresource === undefined) {
    const body = await objectBody(request);
    return sendObject(response, request, { object: store.create(kind.key, body, optionsOf(request)), code: 201 });
  }
  const body = await readBody(request.message);
  store.act(kind.key, name, isJsonObject(body) ? body : {}, { ...optionsOf(request), subresource });
  return sendText(response, 201, success({ code: 201 }));
}

async function update(store: ObjectStore, request: ResourceRequest, response: ServerResponse): Promise<void> {
  const { kind, name } = request.target;
  const body = (await objectBody(request)) as Partial<KubeObject>;
  if (body.metadata?.name !== name) {
    throw badRequest(`the name of the object (${body.metadata?.name}) does not match the name on the URL (${name})`);
  }
  sendObject(response, request, { object: store.update(kind.key, body, optionsOf(request)), code: 200 });
}

const PATCH_TYPES = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
} as const;

function patchOf(type: string, body: unknown, query: URLSearchParams): Patch {
  const patchType = (PATCH_TYPES as Record<string, Patch['type'] | undefined>)[type];
  if (patchType === undefined) {
    const accepted = Object.keys(PATCH_TYPES).join(', ');
    throw new StatusError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
    );
  }
  if (patchType !== 'apply') return { type: patchType, body };
  const fieldManager = query.get('fieldManager') ?? '';
  if (fieldManager === '')
    throw badRequest(
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  return { type: 'apply', body, fieldManager, force: isTrue(query, 'force') };
}

async function patch(store: ObjectStore, request: ResourceRequest, response: ServerResponse): Promise<void> {
  const { kind, name = '', namespace } = request.target;
  const change = patchOf(mediaType(request.message), await readBody(request.message), request.query);
  const isNew = store.find(kind.key, name, { namespace }) === undefined;
  const object = store.patch(kind.key, name, change, optionsOf(request));
  sendObject(response, request, { object, code: isNew ? 201 : 200 });
}

/** metav1 DeleteOptions from body and query. */
async function deleteOptions(request: ResourceRequest): Promise<DeleteOptions> {
  const body = await readBody(request.message);
  const grace = request.query.get('gracePeriodSeconds');
  return { ...(isJsonObject(body) ? body : {}), ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }) };
}

async function remove(store: ObjectStore, request: ResourceRequest, response: ServerResponse): Promise<void> {
  const { kind, name = '', namespace } = request.target;
  const object = store.delete(kind.key, name, { ...optionsOf(request), ...(await deleteOptions(request)) });
  const { uid } = object.metadata;
  if (store.find(kind.key, name, { namespace })?.metadata.uid === uid) {
    return sendObject(response, request, { object, code: 200 });
  }
  const group = kind.group === '' ? {} : { group: kind.group };
  return sendText(response, 200, success({ details: { name, ...group, kind: kind.plural, uid } }));
}

/** Answers one request for a resource; StatusErrors are the caller's to send. */
export async function handleResource(
  store: ObjectStore,
  request: ResourceRequest,
  response: ServerResponse,
): Promise<void> {
  const { kind, name = '', namespace, subresource } = request.target;
  if (subresource !== undefined && !kind.subresources[subresource]) {
    throw new StatusError(
      'NotFound',
      `the server could not find the requested resource (${kind.plural}/${subresource})`,
    );
  }
  switch (request.verb) {
    case 'get':
      return sendObject(response, request, { object: store.get(kind.key, name, { namespace }), code: 200 });
    case 'list':
      return sendList(store, request, response);
    case 'watch':
      return startWatch(store, request, response);
    case 'create':
      return create(store, request, response);
    case 'update':
      return update(store, request, response);
    case 'patch':
      return patch(store, request, response);
    default:
      return remove(store, request, response);
  }
}
