import type { KubeObject } from '../../../src/resource-api/kube-object.ts';
import { StatusError } from '../status-error.ts';
import type { ObjectList } from '../store/object-store.ts';

/** A part of a list and its metadata (metav1 ListMeta). */
export interface ListPage {
  readonly items: KubeObject[];
  readonly metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
}

function positionOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function readToken(token: string): string {
  const position = Buffer.from(token, 'base64url').toString('utf8');
  if (!position.includes('/')) throw new StatusError('BadRequest', 'continue key is not valid');
  return position;
}

/**
 * The page of a list that `limit` and `continue` ask for. A later page shows the newest state after the last object
 * of the page before, as the real server's inconsistent continuation does.
 */
export function listPage(list: ObjectList, query: URLSearchParams): ListPage {
  const token = query.get('continue') ?? '';
  const after = token === '' ? undefined : readToken(token);
  const rest = after === undefined ? list.items : list.items.filter((object) => positionOf(object) > after);
  const limit = Number(query.get('limit') ?? 0);
  const { resourceVersion } = list;
  if (!(limit > 0) || rest.length <= limit) return { items: rest, metadata: { resourceVersion } };
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  const next = last ? Buffer.from(positionOf(last)).toString('base64url') : '';
  return { items, metadata: { resourceVersion, continue: next, remainingItemCount: rest.length - limit } };
}
