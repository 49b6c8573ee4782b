import { randomUUID } from 'node:crypto';
import { poolsOf } from '../../src/resource-api/allocation/device-pool.ts';
import { DeviceUsage } from '../../src/resource-api/allocation/device-usage.ts';
import type { AllocationResult, ClaimConsumer, ResourceClaim } from '../../src/resource-api/objects.ts';
import type { Pod } from '../../src/resource-api/core-objects.ts';
import { StatusError } from '../apiserver/status-error.ts';
import type { ObjectStore } from '../apiserver/store/object-store.ts';
import { DELETE_PROTECTION, generatePodClaims, releaseUnusedClaims } from './claim-controller.ts';
import { recordEvent } from './events.ts';
import { isActive } from '../../src/resource-api/node-fit.ts';
import { type ClusterView, placePod } from './placement-of-pod.ts';
import { claimsOfPod, isReservedFor } from './pod-claims.ts';

/** How the scheduler is set up. */
export interface SchedulerOptions {
  /** Pods of other schedulers are left alone. */
  readonly schedulerName?: string;
}

const DEFAULT_NAME = 'default-scheduler';
/** What can change a decision. Events are not among them: the scheduler writes those itself. */
const WATCHED = ['pods', 'nodes', 'deviceclasses', 'resourceslices', 'resourceclaims', 'resourceclaimtemplates'];

/** Reads the cluster as it is now, for placing one pod after the other. */
function viewCluster(store: ObjectStore): ClusterView {
  const podsByNode = new Map<string, Pod[]>();
  for (const pod of store.list('pods').items) {
    const { nodeName } = pod.spec;
    if (nodeName === undefined || !isActive(pod)) continue;
    const pods = podsByNode.get(nodeName);
    if (pods) pods.push(pod);
    else podsByNode.set(nodeName, [pod]);
  }
  return {
    nodes: store.list('nodes').items,
    pools: poolsOf(store.list('resourceslices').items),
    podsByNode,
    classes: new Map(store.list('deviceclasses').items.map((deviceClass) => [deviceClass.metadata.name, deviceClass])),
    usage: DeviceUsage.of(store.list('resourceclaims').items),
    newShareId: randomUUID,
  };
}

/**
 * Binds pods to nodes and allocates their claims, creates claims from templates and takes them back. It looks at
 * everything again whenever something changes, so a pod that does not fit is tried again then.
 */
export class Scheduler {
  readonly #store: ObjectStore;
  readonly #name: string;
  readonly #failures = new Map<string, string>();
  readonly #stops: readonly (() => void)[];
  #pending: NodeJS.Immediate | undefined;
  #isStopped = false;

  private constructor(store: ObjectStore, options: SchedulerOptions) {
    this.#store = store;
    this.#name = options.schedulerName ?? DEFAULT_NAME;
    this.#stops = WATCHED.map((resource) => store.watch(resource, () => this.#wake()));
  }

  /** Starts scheduling the pods of a store. */
  static start(store: ObjectStore, options: SchedulerOptions = {}): Scheduler {
    return new Scheduler(store, options);
  }

  /** Ends it; may be called twice. */
  stop(): void {
    this.#isStopped = true;
    clearImmediate(this.#pending);
    for (const stop of this.#stops) stop();
  }

  #wake(): void {
    if (this.#isStopped) return;
    this.#pending ??= setImmediate(() => {
      this.#pending = undefined;
      this.#runOnce();
    });
  }

  /** Looks at every pod and claim once. */
  #runOnce(): void {
    generatePodClaims(this.#store, this.#failures);
    releaseUnusedClaims(this.#store);
    const waiting = this.#store.list('pods').items.filter((pod) => this.#isWaiting(pod));
    if (waiting.length === 0) return;
    let view = viewCluster(this.#store);
    for (const pod of waiting.sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1))) {
      if (this.#schedule(pod, view)) view = viewCluster(this.#store);
    }
  }

  #isWaiting(pod: Pod): boolean {
    const { nodeName, schedulerName = DEFAULT_NAME, schedulingGates = [] } = pod.spec;
    const isOpen = nodeName === undefined && pod.metadata.deletionTimestamp === undefined;
    return isOpen && schedulerName === this.#name && schedulingGates.length === 0;
  }

  /** Whether the pod got a node. */
  #schedule(pod: Pod, view: ClusterView): boolean {
    const { namespace } = pod.metadata;
    const found = claimsOfPod(pod, (name) => this.#store.find('resourceclaims', name, { namespace }));
    if ('reason' in found) return this.#refuse(pod, found.reason);
    const placement = placePod(pod, found.claims, view);
    if (placement.kind === 'refused') return this.#refuse(pod, placement.reason);
    try {
      for (const claim of found.claims) this.#reserve(claim, pod, placement.allocations.get(claim));
      this.#bind(pod, placement.node.metadata.name);
      return true;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return this.#refuse(pod, error.message);
    }
  }

  #reserve(claim: ResourceClaim, pod: Pod, allocation: AllocationResult | undefined): void {
    const { namespace, finalizers = [] } = claim.metadata;
    const options = { namespace };
    let current = claim;
    if (allocation && !finalizers.includes(DELETE_PROTECTION)) {
      const metadata = { ...claim.metadata, finalizers: [...finalizers, DELETE_PROTECTION] };
      current = this.#store.update('resourceclaims', { ...claim, metadata }, options);
    }
    if (isReservedFor(current, pod)) return;
    const consumer: ClaimConsumer = { resource: 'pods', name: pod.metadata.name, uid: pod.metadata.uid };
    const reservedFor = [...(current.status?.reservedFor ?? []), consumer];
    const status = { ...current.status, ...(allocation ? { allocation } : {}), reservedFor };
    this.#store.update('resourceclaims', { ...current, status }, { ...options, subresource: 'status' });
  }

  #bind(pod: Pod, nodeName: string): void {
    const { name, namespace } = pod.metadata;
    const binding = { target: { apiVersion: 'v1', kind: 'Node', name: nodeName } };
    this.#store.act('pods', name, binding, { namespace, subresource: 'binding' });
    this.#setCondition(pod);
    const message = `Successfully assigned ${namespace}/${name} to ${nodeName}`;
    recordEvent(this.#store, pod, { type: 'Normal', reason: 'Scheduled', message, component: this.#name });
  }

  #refuse(pod: Pod, message: string): false {
    const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    if (known?.status === 'False' && known.message === message) return false;
    this.#setCondition(pod, { reason: 'Unschedulable', message });
    recordEvent(this.#store, pod, { type: 'Warning', reason: 'FailedScheduling', message, component: this.#name });
    return false;
  }

  /** Without a refusal the pod is scheduled, and an earlier refusal goes. */
  #setCondition(pod: Pod, refusal?: { reason: string; message: string }): void {
    const { name, namespace } = pod.metadata;
    const lastTransitionTime = `${new Date().toISOString().slice(0, 19)}Z`;
    const status = refusal ? 'False' : 'True';
    const why = refusal ?? { reason: null, message: null };
    const body = { status: { conditions: [{ type: 'PodScheduled', status, lastTransitionTime, ...why }] } };
    this.#store.patch('pods', name, { type: 'strategic', body }, { namespace, subresource: 'status' });
  }
}
