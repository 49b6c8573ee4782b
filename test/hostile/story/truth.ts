import type { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import type { ClaimName } from '../peers/kubelet.ts';
import type { Pod, RuntimeContainer, Sandbox } from '../peers/runtime-container.ts';

/** Whom a claim is reserved for. */
export type Consumer =
  /** The pod that it was made for. */
  | 'template'
  /** Pods that name it. */
  | 'pods'
  /** A group whose pods the claim does not name. */
  | 'podgroup';

/** A request of a claim: a number of CPUs of one NUMA node. */
export interface ClaimRequest {
  readonly request: string;
  readonly node: number;
  readonly cpus: number;
  readonly shareId: string;
}

/** A claim as the story knows it, from what it made and what it was answered. */
export interface ClaimTruth extends ClaimName {
  readonly consumer: Consumer;
  readonly requests: readonly ClaimRequest[];
  /** Pods that it is reserved for. */
  readonly pods: PodTruth[];
  /** `unsure` when a call broke off, or two ran at once: prepared or not. */
  state: 'new' | 'prepared' | 'unsure' | 'released';
  /** What it holds while it is prepared. */
  cpus: CpuSet;
  /** What the kubelet passes to the runtime. */
  cdiDevices: readonly string[];
  isInApi: boolean;
  /** Whether another driver prepared it, whose file does not name the claim: there is no metadata until it is prepared again. */
  isForeign: boolean;
  /** The container that used it first, while its pod is there. */
  owner: { readonly podUid: string; readonly containerName: string } | undefined;
}

/** A container that a pod has, or is to have. */
export interface ContainerTruth {
  readonly name: string;
  /** Claims that the kubelet gives it. */
  readonly claims: readonly ClaimTruth[];
  /** Variables of its spec; with claims of others among them it is a spoofer. */
  readonly env: readonly string[];
  running: RuntimeContainer | undefined;
}

/** A pod as the story knows it. */
export interface PodTruth extends Pod {
  readonly containers: ContainerTruth[];
  sandbox: Sandbox | undefined;
  isGone: boolean;
}

/** Whether a container may be on a claim's CPUs: the kubelet gave it the claim, and the claim is reserved for its pod. */
export function isEntitled(claim: ClaimTruth, container: RuntimeContainer, tellsCdi: boolean): boolean {
  const { pod } = container.sandbox;
  const isOfPod =
    claim.consumer === 'podgroup' ? pod.namespace === claim.namespace : claim.pods.some(({ uid }) => uid === pod.uid);
  // Where the runtime does not tell CDI devices, all pods of a group's namespace look alike.
  if (!tellsCdi && claim.consumer === 'podgroup') return isOfPod;
  return isOfPod && container.spec.cdiDevices.includes(`dra.k8s.io/cpu=claim-${claim.uid}`);
}

/** How many CPUs a claim asks for. */
export function sizeOf(claim: ClaimTruth): number {
  return claim.requests.reduce((sum, { cpus }) => sum + cpus, 0);
}
