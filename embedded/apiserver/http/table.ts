import type { ResourceKind } from '../kinds/resource-kind.ts';
import type { KubeObject } from '../../../src/resource-api/kube-object.ts';

/** What a table shows, and how. */
export interface TableRequest {
  readonly kind: ResourceKind;
  readonly now: Date;
  /** What each row carries besides its cells (metav1 TableOptions). */
  readonly includeObject: string;
  /** List metadata: resourceVersion and, on a page, continue and remainingItemCount. */
  readonly metadata: object;
  /** Leave the columns out, as later events of a watch do. */
  readonly withoutHeader?: boolean;
}

function rowObject(object: KubeObject, includeObject: string): KubeObject | undefined {
  if (includeObject === 'None') return undefined;
  if (includeObject === 'Object') return object;
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

/** Objects as a meta.k8s.io/v1 Table, which `kubectl get` prints. */
export function toTable(objects: readonly KubeObject[], request: TableRequest): object {
  const { kind, now, includeObject, metadata } = request;
  const columns = kind.columns.map(({ name, type, description, wide }) => ({
    name,
    type,
    format: name === 'Name' ? 'name' : '',
    description,
    priority: wide ? 1 : 0,
  }));
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: request.withoutHeader ? null : columns,
    rows: objects.map((object) => ({
      cells: kind.columns.map((column) => column.value(object, now)),
      object: rowObject(object, includeObject),
    })),
  };
}
