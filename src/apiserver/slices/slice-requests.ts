import type { SliceDevice } from '../../devices/slice-device.ts';
import { hasReason } from '../api-error.ts';
import { type ApiObject, RESOURCE_SLICES } from '../api-object.ts';
import type { ApiClient } from '../client.ts';
import { checkSlice } from './check-slice.ts';
import { findDroppedFields } from './slice-content.ts';
import { planPool, type StoredSlice } from './slice-pool.ts';

/** Whose slices. */
export interface PoolIdentity {
  readonly driverName: string;
  /** Name of the Node; also the pool's. */
  readonly nodeName: string;
}

/** Selects the slices of a node's driver. */
export function sliceSelector({ driverName, nodeName }: PoolIdentity): string {
  return `spec.driver=${driverName},spec.nodeName=${nodeName}`;
}

/** Whether a slice is one of a node's driver; a server may know fewer selectors than it is given. */
export function isOfPool({ spec }: StoredSlice, { driverName, nodeName }: PoolIdentity): boolean {
  return spec.driver === driverName && spec.nodeName === nodeName;
}

/**
 * Deletes a slice; one that is gone already, or is another by now, is done.
 * @returns what is left of it while it waits for its finalizers, undefined when it is gone.
 */
export async function removeSlice(
  client: ApiClient,
  { metadata }: StoredSlice,
  signal?: AbortSignal,
): Promise<ApiObject | undefined> {
  const { name, uid } = metadata;
  const options = { preconditions: { uid }, ...(signal === undefined ? {} : { signal }) };
  try {
    return await client.delete({ resource: RESOURCE_SLICES, name }, options);
  } catch (error) {
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
    return undefined;
  }
}

/** Deletes all slices of a node's driver. */
export async function removeAllSlices(client: ApiClient, pool: PoolIdentity): Promise<void> {
  const keep = (slice: ApiObject) => isOfPool(checkSlice(slice), pool);
  const { items } = await client.list({ resource: RESOURCE_SLICES }, { fieldSelector: sliceSelector(pool), keep });
  for (const slice of items) await removeSlice(client, checkSlice(slice));
}

/** What the server would drop of the devices of a slice; undefined when it would refuse them. Nothing is written. */
export async function trySlice(
  client: ApiClient,
  pool: PoolIdentity & { readonly nodeUid: string; readonly devices: readonly SliceDevice[] },
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const [write] = planPool([], { ...pool, slices: [pool.devices] }).create;
  if (write === undefined) return [];
  const options = { signal, dryRun: true };
  try {
    const answer = checkSlice(await client.create({ resource: RESOURCE_SLICES }, write.body, options));
    return findDroppedFields(pool.devices, answer.spec.devices);
  } catch (error) {
    if (hasReason(error, 'Invalid')) return undefined;
    throw error;
  }
}
