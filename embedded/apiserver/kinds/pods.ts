import { isJsonObject, type JsonObject, type KubeObject } from '../../../src/resource-api/kube-object.ts';
import { valueAt } from '../json-value.ts';
import type { StatusCause } from '../../../src/resource-api/validate/causes.ts';
import { conflict } from '../status-error.ts';
import { duplicate, nameCause, required } from '../../../src/resource-api/validate/causes.ts';
import { isDnsLabel } from '../../../src/resource-api/validate/names.ts';
import { AGE_COLUMN, NAME_COLUMN, pathColumn, textColumn } from './columns.ts';
import { defineKind } from './resource-kind.ts';

/** Grace of a pod that names none (core/v1 default). */
const GRACE_SECONDS = 30;

function objectsAt(object: KubeObject, path: string): JsonObject[] {
  const value = valueAt(object, path);
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** The text of the STATUS column: phase, reason, or what a container is waiting for. */
function podStatus(pod: KubeObject): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'Terminating';
  const waiting = objectsAt(pod, 'status.containerStatuses')
    .map((status) => valueAt(status, 'state.waiting.reason') ?? valueAt(status, 'state.terminated.reason'))
    .find((reason) => typeof reason === 'string');
  const reason = valueAt(pod, 'status.reason') ?? waiting ?? valueAt(pod, 'status.phase');
  return typeof reason === 'string' ? reason : 'Unknown';
}

function readyText(pod: KubeObject): string {
  const ready = objectsAt(pod, 'status.containerStatuses').filter((status) => status['ready'] === true);
  return `${ready.length}/${objectsAt(pod, 'spec.containers').length}`;
}

function restartText(pod: KubeObject): string {
  const counts = objectsAt(pod, 'status.containerStatuses').map((status) => Number(status['restartCount'] ?? 0));
  return String(counts.reduce((sum, count) => sum + count, 0));
}

function isBestEffort(pod: KubeObject): boolean {
  const all = [...objectsAt(pod, 'spec.containers'), ...objectsAt(pod, 'spec.initContainers')];
  return all.every(
    (container) => !['limits', 'requests'].some((name) => isJsonObject(valueAt(container, `resources.${name}`))),
  );
}

/** Guaranteed when every container's cpu and memory limits equal its requests (KEP-753 kept aside). */
function qosClass(pod: KubeObject): string {
  if (isBestEffort(pod)) return 'BestEffort';
  const all = [...objectsAt(pod, 'spec.containers'), ...objectsAt(pod, 'spec.initContainers')];
  const guaranteed = all.every((container) =>
    ['cpu', 'memory'].every((name) => {
      const limit = valueAt(container, `resources.limits.${name}`);
      return limit !== undefined && (valueAt(container, `resources.requests.${name}`) ?? limit) === limit;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

/** Limits without requests are requests too (core/v1 SetDefaults_Pod). */
function defaultRequests(container: JsonObject): void {
  const limits = valueAt(container, 'resources.limits');
  if (!isJsonObject(limits) || !isJsonObject(container['resources'])) return;
  const requests = valueAt(container, 'resources.requests');
  container['resources']['requests'] = { ...limits, ...(isJsonObject(requests) ? requests : {}) };
}

function setPodDefaults(pod: KubeObject): void {
  const spec = isJsonObject(pod['spec']) ? pod['spec'] : {};
  pod['spec'] = {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: GRACE_SECONDS,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    enableServiceLinks: true,
    ...spec,
  };
  for (const container of [...objectsAt(pod, 'spec.containers'), ...objectsAt(pod, 'spec.initContainers')]) {
    defaultRequests(container);
  }
  pod['status'] ??= { phase: 'Pending', qosClass: qosClass(pod) };
}

function containerCauses(pod: KubeObject): StatusCause[] {
  const causes: StatusCause[] = [];
  const names = new Set<string>();
  for (const list of ['initContainers', 'containers']) {
    for (const [index, container] of objectsAt(pod, `spec.${list}`).entries()) {
      const name = typeof container['name'] === 'string' ? container['name'] : '';
      const field = `spec.${list}[${index}].name`;
      if (!isDnsLabel(name)) causes.push(nameCause(field, name, 'a lowercase RFC 1123 label'));
      else if (names.has(name)) causes.push(duplicate(field, name));
      names.add(name);
    }
  }
  if (objectsAt(pod, 'spec.containers').length === 0) causes.push(required('spec.containers'));
  return causes;
}

function claimCauses(pod: KubeObject): StatusCause[] {
  return objectsAt(pod, 'spec.resourceClaims').flatMap((claim, index) => {
    const field = `spec.resourceClaims[${index}]`;
    const isOne = (claim['resourceClaimName'] === undefined) !== (claim['resourceClaimTemplateName'] === undefined);
    const why = 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`';
    return isOne ? [] : [required(field, why)];
  });
}

/** What the kubelet relies on; the rest a real API server would check. */
function validatePod(pod: KubeObject): StatusCause[] {
  return [...containerCauses(pod), ...claimCauses(pod)];
}

function bindPod(pod: KubeObject, binding: KubeObject): KubeObject {
  const bound = valueAt(pod, 'spec.nodeName');
  const name = { group: '', resource: 'pods/binding', name: pod.metadata.name };
  if (typeof bound === 'string')
    throw conflict(name, `pod ${pod.metadata.name} is already assigned to node "${bound}"`);
  const spec = isJsonObject(pod['spec']) ? pod['spec'] : {};
  return { ...pod, spec: { ...spec, nodeName: valueAt(binding, 'target.name') } };
}

function podGrace(pod: KubeObject): number {
  const isIdle = valueAt(pod, 'spec.nodeName') === undefined;
  const hasEnded = ['Succeeded', 'Failed'].includes(String(valueAt(pod, 'status.phase')));
  if (isIdle || hasEnded) return 0;
  const grace = valueAt(pod, 'spec.terminationGracePeriodSeconds');
  return typeof grace === 'number' ? grace : GRACE_SECONDS;
}

/** core/v1 Pod. Deleting one that runs marks it; the kubelet ends it with a second deletion of grace 0. */
export const PODS = defineKind({
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
  shortNames: ['po'],
  categories: ['all'],
  hasGeneration: true,
  subresources: {
    status: { kind: 'part', path: 'status' },
    binding: { kind: 'action', bodyKind: 'Binding', apply: bindPod },
  },
  selectableFields: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'status.phase',
  ],
  columns: [
    NAME_COLUMN,
    textColumn('Ready', 'Containers that are ready, of all.', readyText),
    textColumn('Status', 'What the pod is doing.', podStatus),
    textColumn('Restarts', 'How often its containers were restarted.', restartText),
    AGE_COLUMN,
    pathColumn('IP', 'status.podIP', { wide: true }),
    pathColumn('Node', 'spec.nodeName', { wide: true }),
  ],
  setDefaults: setPodDefaults,
  validate: validatePod,
  gracePeriodSeconds: podGrace,
});
