import { isJsonObject, type KubeObject } from '../../../src/resource-api/kube-object.ts';
import { valueAt } from '../json-value.ts';
import { AGE_COLUMN, NAME_COLUMN, pathColumn, textColumn } from './columns.ts';
import { defineKind, type ResourceKind } from './resource-kind.ts';

/** Holds a namespace until everything in it is gone; the real server keeps this in `spec.finalizers`. */
export const NAMESPACE_FINALIZER = 'kubernetes';

function nodeStatus(node: KubeObject): string {
  const conditions = valueAt(node, 'status.conditions');
  const ready = Array.isArray(conditions)
    ? conditions.find((condition) => isJsonObject(condition) && condition['type'] === 'Ready')
    : undefined;
  const status = valueAt(ready, 'status');
  const text = status === 'True' ? 'Ready' : status === undefined ? 'Unknown' : 'NotReady';
  return valueAt(node, 'spec.unschedulable') === true ? `${text},SchedulingDisabled` : text;
}

function nodeRoles(node: KubeObject): string {
  const prefix = 'node-role.kubernetes.io/';
  const roles = Object.keys(node.metadata.labels ?? {}).filter((label) => label.startsWith(prefix));
  return roles.map((label) => label.slice(prefix.length)).join(',') || '<none>';
}

function countText(path: string): (object: KubeObject) => string {
  return (object) => {
    const value = valueAt(object, path);
    return String(typeof value === 'object' && value !== null ? Object.keys(value).length : 0);
  };
}

/** core/v1 kinds that need nothing but their description. */
export const CORE_KINDS: readonly ResourceKind[] = [
  defineKind({
    plural: 'namespaces',
    kind: 'Namespace',
    namespaced: false,
    shortNames: ['ns'],
    subresources: { status: { kind: 'part', path: 'status' } },
    selectableFields: ['status.phase'],
    columns: [
      NAME_COLUMN,
      textColumn('Status', 'Whether the namespace is in use.', (namespace) =>
        namespace.metadata.deletionTimestamp === undefined ? 'Active' : 'Terminating',
      ),
      AGE_COLUMN,
    ],
    setDefaults: (namespace) => {
      if (namespace['status'] !== undefined) return;
      namespace['status'] = { phase: 'Active' };
      namespace.metadata.finalizers = [...(namespace.metadata.finalizers ?? []), NAMESPACE_FINALIZER];
      namespace.metadata.labels = {
        ...namespace.metadata.labels,
        'kubernetes.io/metadata.name': namespace.metadata.name,
      };
    },
  }),
  defineKind({
    plural: 'nodes',
    kind: 'Node',
    namespaced: false,
    shortNames: ['no'],
    keepsStatusOnCreate: true,
    subresources: { status: { kind: 'part', path: 'status' } },
    selectableFields: ['spec.unschedulable'],
    columns: [
      NAME_COLUMN,
      textColumn('Status', 'Whether the node takes pods.', nodeStatus),
      textColumn('Roles', 'Roles from its labels.', nodeRoles),
      AGE_COLUMN,
      pathColumn('Version', 'status.nodeInfo.kubeletVersion', { absent: '' }),
    ],
  }),
  defineKind({
    plural: 'configmaps',
    kind: 'ConfigMap',
    namespaced: true,
    shortNames: ['cm'],
    columns: [NAME_COLUMN, textColumn('Data', 'How many entries it holds.', countText('data')), AGE_COLUMN],
  }),
];
