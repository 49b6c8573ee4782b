import { isDeepStrictEqual } from 'node:util';
import type { SliceDevice } from '../../devices/slice-device.ts';
import type { ApiObject, OwnerReference } from '../api-object.ts';

/** A ResourceSlice as far as the driver reads it (resource.k8s.io/v1). */
export interface StoredSlice extends ApiObject {
  readonly spec: {
    readonly driver: string;
    readonly nodeName?: string;
    readonly pool: { readonly name: string; readonly generation: number; readonly resourceSliceCount: number };
    readonly devices?: readonly unknown[];
  };
}

/** The pool that a node's driver wants to see published. */
export interface DesiredPool {
  readonly driverName: string;
  readonly nodeName: string;
  readonly nodeUid: string;
  /** The devices of each slice, in the form in which the server keeps them. */
  readonly slices: readonly (readonly unknown[])[];
}

/** A slice to write: its place in the pool, and the object. */
export interface SliceWrite {
  readonly index: number;
  readonly body: object;
}

/** What makes the stored slices the desired ones, in this order. */
export interface PoolPlan {
  readonly remove: readonly StoredSlice[];
  readonly update: readonly (SliceWrite & { readonly stored: StoredSlice })[];
  readonly create: readonly SliceWrite[];
  /** Of the pool, after the plan. */
  readonly generation: number;
}

/** Limits of resource.k8s.io/v1 (types.go, 1.37: ResourceSliceMaxDevices and ...WithAdvancedFeatures). */
const DEVICES_MAX = 128;
const DEVICES_WITH_ADVANCED_FEATURES_MAX = 64;
/** Fields of a device that make it an advanced one, beside attributes with lists. */
const ADVANCED_FIELDS = ['taints', 'consumesCounters'];
const LIST_KINDS = ['strings', 'ints', 'bools', 'versions'];
/** Names of slices begin with their index in this many hexadecimal digits (k8s.io/dynamic-resource-allocation 1.37). */
const INDEX_DIGITS = 5;

/** Whether an attribute holds a list of values (KEP-5491). */
export function isListAttribute(attribute: object): boolean {
  return LIST_KINDS.some((kind) => kind in attribute);
}

function isAdvanced(device: SliceDevice): boolean {
  return ADVANCED_FIELDS.some((field) => field in device) || Object.values(device.attributes).some(isListAttribute);
}

/** Cuts devices into slices in their order: 128 a slice, 64 where any device uses an advanced feature. */
export function layOutSlices(devices: readonly SliceDevice[]): SliceDevice[][] {
  const length = devices.some(isAdvanced) ? DEVICES_WITH_ADVANCED_FEATURES_MAX : DEVICES_MAX;
  return Array.from({ length: Math.ceil(devices.length / length) }, (_, index) =>
    devices.slice(index * length, (index + 1) * length),
  );
}

function indexText(index: number): string {
  return index.toString(16).padStart(INDEX_DIGITS, '0');
}

/** The place that a slice's name claims; undefined for a name of another form. */
function indexOf(slice: StoredSlice): number | undefined {
  const [, digits] = /^([0-9a-f]{5,})-/.exec(slice.metadata.name) ?? [];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

function nodeReference({ nodeName, nodeUid }: DesiredPool): OwnerReference {
  return { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUid, controller: true };
}

/** Devices without the times that the server adds to taints, for comparing. */
function comparable(devices: readonly unknown[] = []): unknown {
  return devices.map((device) => {
    const { taints, ...rest } = device as { taints?: readonly object[] };
    return taints === undefined
      ? rest
      : { ...rest, taints: taints.map((taint) => ({ ...taint, timeAdded: undefined })) };
  });
}

/** Whether two lists of devices are the same to a scheduler. */
function areSameDevices(a: readonly unknown[] | undefined, b: readonly unknown[] | undefined): boolean {
  return isDeepStrictEqual(comparable(a), comparable(b));
}

function isAsDesired(slice: StoredSlice, devices: readonly unknown[], pool: DesiredPool): boolean {
  const isOwned = (slice.metadata.ownerReferences ?? []).some(
    ({ kind, uid, controller }) => kind === 'Node' && uid === pool.nodeUid && controller === true,
  );
  const isComplete = slice.spec.pool.resourceSliceCount === pool.slices.length;
  return isOwned && isComplete && areSameDevices(slice.spec.devices, devices);
}

/** Which stored slice is kept for each place; the rest is stale: older generations, other pools, doubles. */
function matchSlices(stored: readonly StoredSlice[], pool: DesiredPool, generation: number): Map<number, StoredSlice> {
  const kept = new Map<number, StoredSlice>();
  for (const slice of [...stored].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    const index = indexOf(slice);
    const isCurrent = slice.spec.pool.name === pool.nodeName && slice.spec.pool.generation === generation;
    if (isCurrent && index !== undefined && index < pool.slices.length && !kept.has(index)) kept.set(index, slice);
  }
  return kept;
}

/**
 * Decides what to write so that the pool is the desired one. When any slice changes the whole pool gets the next
 * generation, as the API asks for: until all slices carry it the scheduler knows the pool as incomplete and waits. Stale
 * slices alone are removed without one. The names and the order are those of the Go helper.
 */
export function planPool(stored: readonly StoredSlice[], pool: DesiredPool): PoolPlan {
  const newest = Math.max(0, ...stored.map(({ spec }) => spec.pool.generation));
  const kept = matchSlices(stored, pool, newest);
  const keptUids = new Set([...kept.values()].map(({ metadata }) => metadata.uid));
  // What is deleted already waits for its finalizers.
  const remove = stored.filter(
    ({ metadata }) => !keptUids.has(metadata.uid) && metadata.deletionTimestamp === undefined,
  );
  const isUnchanged = pool.slices.every((devices, index) => {
    const slice = kept.get(index);
    return slice !== undefined && isAsDesired(slice, devices, pool);
  });
  if (isUnchanged) return { remove, update: [], create: [], generation: newest };
  const generation = newest + 1;
  const writes = pool.slices.map((devices, index): SliceWrite & { stored?: StoredSlice | undefined } => {
    const slice = kept.get(index);
    return { index, body: sliceBody({ pool, devices, index, generation }, slice), stored: slice };
  });
  return {
    remove,
    update: writes.flatMap(({ stored: slice, ...write }) => (slice === undefined ? [] : [{ ...write, stored: slice }])),
    create: writes.flatMap(({ stored: slice, ...write }) => (slice === undefined ? [write] : [])),
    generation,
  };
}

function sliceBody(
  wish: { pool: DesiredPool; devices: readonly unknown[]; index: number; generation: number },
  stored: StoredSlice | undefined,
): object {
  const { pool, devices, index, generation } = wish;
  const { driverName, nodeName } = pool;
  const ownerReferences = [nodeReference(pool)];
  const spec = {
    driver: driverName,
    nodeName,
    pool: { name: nodeName, generation, resourceSliceCount: pool.slices.length },
    devices,
  };
  const head = { apiVersion: 'resource.k8s.io/v1', kind: 'ResourceSlice' };
  if (stored) return { ...head, metadata: { ...stored.metadata, ownerReferences }, spec };
  const generateName = `${indexText(index)}-${driverName}-${nodeName}-`;
  return { ...head, metadata: { generateName, ownerReferences }, spec };
}
