import type { NodeSelector, NodeSelectorRequirement } from './objects.ts';
import type { Container, Node, Pod } from './core-objects.ts';
import { parseQuantity } from './quantity.ts';

/** Resources whose requests are added up against the node's allocatable; others are not looked at. */
const COUNTED = ['cpu', 'memory'] as const;

type Resource = (typeof COUNTED)[number];

function requestOf(holder: { resources?: Container['resources'] }, resource: Resource): bigint {
  return parseQuantity(holder.resources?.requests?.[resource] ?? '0')?.nanos ?? 0n;
}

function largest(amounts: readonly bigint[]): bigint {
  return amounts.reduce((max, amount) => (amount > max ? amount : max), 0n);
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}

/**
 * What a pod asks of a resource in nanos: its own request if it makes one (KEP-2837), else its containers and
 * sidecars together or its largest init container, whichever is more.
 */
export function podRequest(pod: Pod, resource: Resource): bigint {
  const { containers, initContainers = [], resources } = pod.spec;
  if (resources?.requests?.[resource] !== undefined) return requestOf({ resources }, resource);
  const sidecars = initContainers.filter((container) => container.restartPolicy === 'Always');
  const running = sum([...containers, ...sidecars].map((container) => requestOf(container, resource)));
  return largest([running, ...initContainers.map((container) => requestOf(container, resource))]);
}

/** Whether a pod still holds what it asked for. */
export function isActive(pod: Pod): boolean {
  return pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed';
}

function meets(requirement: NodeSelectorRequirement, value: string | undefined): boolean {
  const { operator, values = [] } = requirement;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return Number(value) > Number(values[0]);
    case 'Lt':
      return Number(value) < Number(values[0]);
    default:
      return false;
  }
}

/** Whether a node is one that a node selector means: any of its terms holds. */
export function matchesNode(selector: NodeSelector, node: Node): boolean {
  const fieldOf = (key: string) => (key === 'metadata.name' ? node.metadata.name : undefined);
  return selector.nodeSelectorTerms.some(
    ({ matchExpressions = [], matchFields = [] }) =>
      matchExpressions.length + matchFields.length > 0 &&
      matchExpressions.every((requirement) => meets(requirement, node.metadata.labels?.[requirement.key])) &&
      matchFields.every((requirement) => meets(requirement, fieldOf(requirement.key))),
  );
}

function shortOf(pod: Pod, node: Node, others: readonly Pod[]): Resource | undefined {
  return COUNTED.find((resource) => {
    const allocatable = parseQuantity(node.status?.allocatable?.[resource] ?? '');
    if (!allocatable) return false;
    const used = sum(others.map((other) => podRequest(other, resource)));
    return used + podRequest(pod, resource) > allocatable.nanos;
  });
}

/**
 * Why a node does not take a pod, undefined when it does: unschedulable, node selector, cpu and memory requests.
 * Affinity, taints and ports are not looked at. `others` are the active pods of the node.
 */
export function nodeRefusal(pod: Pod, node: Node, others: readonly Pod[]): string | undefined {
  if (node.spec?.unschedulable === true) return 'node(s) were unschedulable';
  const labels = Object.entries(pod.spec.nodeSelector ?? {});
  if (!labels.every(([key, value]) => node.metadata.labels?.[key] === value)) {
    return "node(s) didn't match Pod's node affinity/selector";
  }
  const resource = shortOf(pod, node, others);
  return resource === undefined ? undefined : `Insufficient ${resource}`;
}
