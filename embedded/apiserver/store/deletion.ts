import type { ResourceKind } from '../kinds/resource-kind.ts';
import type { KubeObject } from '../../../src/resource-api/kube-object.ts';
import { conflict } from '../status-error.ts';
import { objectName, timestamp } from './object-meta.ts';

/** metav1 DeleteOptions as far as they are honoured. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number | undefined;
  /** Delete only this incarnation and state. */
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string } | undefined;
}

/** What a deletion does now. */
export type Deletion =
  | { readonly kind: 'remove' }
  | { readonly kind: 'mark'; readonly graceSeconds: number }
  | { readonly kind: 'under-way' };

function checkPreconditions(object: KubeObject, kind: ResourceKind, options: DeleteOptions): void {
  for (const field of ['uid', 'resourceVersion'] as const) {
    const wanted = options.preconditions?.[field];
    if (wanted === undefined || wanted === object.metadata[field]) continue;
    const text = field === 'uid' ? 'UID' : 'ResourceVersion';
    const why = `the ${text} in the precondition (${wanted}) does not match the ${text} in record (${object.metadata[field]}). The object might have been deleted and then recreated`;
    throw conflict(objectName(kind, object.metadata.name), why);
  }
}

/**
 * Decides on a deletion.
 * @throws StatusError Conflict when a precondition does not hold.
 */
export function deletionOf(object: KubeObject, kind: ResourceKind, options: DeleteOptions): Deletion {
  checkPreconditions(object, kind, options);
  const graceful = kind.gracePeriodSeconds?.(object) ?? 0;
  const graceSeconds = graceful === 0 ? 0 : (options.gracePeriodSeconds ?? graceful);
  const isHeld = (object.metadata.finalizers ?? []).length > 0;
  if (graceSeconds === 0 && !isHeld) return { kind: 'remove' };
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata;
  // A second request can only shorten the grace of the first.
  if (deletionTimestamp !== undefined && graceSeconds >= deletionGracePeriodSeconds) return { kind: 'under-way' };
  return { kind: 'mark', graceSeconds };
}

/** The object with its deletion noted; the timestamp is when the grace ends. */
export function markDeleted(object: KubeObject, graceSeconds: number, now: Date): KubeObject {
  const { generation } = object.metadata;
  const metadata = {
    ...object.metadata,
    ...(generation === undefined ? {} : { generation: generation + 1 }),
    deletionTimestamp: timestamp(new Date(now.getTime() + graceSeconds * 1000)),
    deletionGracePeriodSeconds: graceSeconds,
  };
  return { ...object, metadata };
}

/** Whether an object that was deleted is no longer held by finalizers or by its grace. */
export function isReadyToGo(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  return deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && finalizers.length === 0;
}
