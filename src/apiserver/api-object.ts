import { quote } from '../lib/quote.ts';
import { shorten } from '../lib/shorten.ts';
import { ApiError } from './api-error.ts';

/** A kind of object as it is addressed. */
export interface ApiResource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** As in paths: "resourceclaims". */
  readonly plural: string;
  readonly kind: string;
}

/** The objects of a resource: all, or those of a namespace. */
export interface CollectionAddress {
  readonly resource: ApiResource;
  readonly namespace?: string;
}

/** One object, or one part of it. */
export interface ObjectAddress extends CollectionAddress {
  readonly name: string;
  readonly subresource?: string;
}

/** metav1 OwnerReference. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

/** metav1 ObjectMeta as far as it is used; what else it holds stays in place. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly ownerReferences?: readonly OwnerReference[];
  /** Set while it waits for its finalizers to go. */
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
}

/** Any object of the API; the rest of its fields is read by the code that knows its kind. */
export interface ApiObject {
  readonly metadata: ObjectMeta;
}

export const NODES: ApiResource = { group: '', version: 'v1', plural: 'nodes', kind: 'Node' };
export const EVENTS: ApiResource = { group: '', version: 'v1', plural: 'events', kind: 'Event' };
export const RESOURCE_CLAIMS: ApiResource = {
  group: 'resource.k8s.io',
  version: 'v1',
  plural: 'resourceclaims',
  kind: 'ResourceClaim',
};
export const RESOURCE_SLICES: ApiResource = {
  group: 'resource.k8s.io',
  version: 'v1',
  plural: 'resourceslices',
  kind: 'ResourceSlice',
};

/** Longer names than this are refused by the API server (DNS subdomain, RFC 1123). */
const NAME_LENGTH_MAX = 253;

/** "resource.k8s.io/v1", or "v1" for the core group. */
export function apiVersionOf({ group, version }: ApiResource): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Steps that a URL does not keep (WHATWG URL, "dot segments"). */
const DOT_SEGMENT = /^(\.|%2e){1,2}$/i;

function isPathStep(name: string): boolean {
  return name !== '' && name.length <= NAME_LENGTH_MAX && name.isWellFormed() && !DOT_SEGMENT.test(name);
}

function checkName(address: CollectionAddress & Partial<ObjectAddress>, name: string | undefined): void {
  if (name === undefined || isPathStep(name)) return;
  const where = describeAddress({ resource: address.resource });
  throw new ApiError('InvalidName', `Cannot ask for ${where}: no object or namespace can have the name ${quote(name)}`);
}

/**
 * The path of a collection or an object below the server's base URL. A name is one step of it, whatever is in it.
 * @throws ApiError InvalidName for a name that would be another step, or none.
 */
export function pathOf(address: CollectionAddress & Partial<ObjectAddress>): string {
  const { resource, namespace, name, subresource } = address;
  checkName(address, namespace);
  checkName(address, name);
  const root = resource.group === '' ? 'api' : 'apis';
  const steps = [root, ...apiVersionOf(resource).split('/')];
  if (namespace !== undefined) steps.push('namespaces', namespace);
  steps.push(resource.plural);
  if (name !== undefined) steps.push(name);
  if (subresource !== undefined) steps.push(subresource);
  return `/${steps.map(encodeURIComponent).join('/')}`;
}

/** `resourceclaims/status "shop/db"`, as messages name what a request is about. */
export function describeAddress(address: CollectionAddress & Partial<ObjectAddress>): string {
  const { resource, namespace, name, subresource } = address;
  const what = subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`;
  const parts = [namespace, name].filter((part) => part !== undefined);
  const where = parts.map((part) => shorten(part, NAME_LENGTH_MAX)).join('/');
  return where === '' ? what : `${what} "${where}"`;
}
