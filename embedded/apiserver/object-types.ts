import type { DeviceAttribute } from './cel/device-selector.ts';
import type { KubeObject } from './kube-object.ts';

/** metav1 Condition and the older conditions of pods and nodes. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
  observedGeneration?: number;
}

/** core/v1 Node. */
export interface Node extends KubeObject {
  spec?: { unschedulable?: boolean; taints?: { key: string; value?: string; effect: string }[] };
  status?: {
    capacity?: Record<string, string>;
    allocatable?: Record<string, string>;
    conditions?: Condition[];
    nodeInfo?: Record<string, unknown>;
    addresses?: { type: string; address: string }[];
  };
}

/** Amounts a container or pod asks for, and the claims it uses. */
interface ResourceRequirements {
  requests?: Record<string, string>;
  limits?: Record<string, string>;
  claims?: { name: string; request?: string }[];
}

/** core/v1 Container as far as this node runs it. */
export interface Container {
  name: string;
  image?: string;
  command?: string[];
  args?: string[];
  env?: { name: string; value?: string }[];
  resources?: ResourceRequirements;
  /** Always makes an init container a sidecar. */
  restartPolicy?: string;
}

/** A claim that a pod names, or the template it is to be made from. */
export interface PodResourceClaim {
  name: string;
  resourceClaimName?: string;
  resourceClaimTemplateName?: string;
}

/** core/v1 PodSpec as far as scheduler and kubelet look at it. */
export interface PodSpec {
  nodeName?: string;
  nodeSelector?: Record<string, string>;
  schedulerName?: string;
  schedulingGates?: { name: string }[];
  restartPolicy?: string;
  terminationGracePeriodSeconds?: number;
  containers: Container[];
  initContainers?: Container[];
  ephemeralContainers?: Container[];
  resources?: ResourceRequirements;
  resourceClaims?: PodResourceClaim[];
}

/** core/v1 ContainerStatus. */
export interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  image: string;
  imageID: string;
  containerID?: string;
  started?: boolean;
  state?: ContainerState;
  lastState?: ContainerState;
  allocatedResourcesStatus?: ResourceStatus[];
}

/** core/v1 ContainerState: one of them is set. */
export interface ContainerState {
  waiting?: { reason?: string; message?: string };
  running?: { startedAt?: string };
  terminated?: { exitCode: number; reason?: string; message?: string; startedAt?: string; finishedAt?: string };
}

/** The health of what a container was allocated (KEP-4680). */
export interface ResourceStatus {
  name: string;
  resources?: { resourceID: string; health?: string; message?: string }[];
}

/** core/v1 PodStatus. */
export interface PodStatus {
  phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  qosClass?: string;
  reason?: string;
  message?: string;
  startTime?: string;
  hostIP?: string;
  podIP?: string;
  conditions?: Condition[];
  containerStatuses?: ContainerStatus[];
  initContainerStatuses?: ContainerStatus[];
  ephemeralContainerStatuses?: ContainerStatus[];
  resourceClaimStatuses?: { name: string; resourceClaimName?: string }[];
}

/** core/v1 Pod. */
export interface Pod extends KubeObject {
  spec: PodSpec;
  status?: PodStatus;
}

/** core/v1 ObjectReference. */
interface ObjectReference {
  apiVersion?: string;
  kind?: string;
  namespace?: string;
  name?: string;
  uid?: string;
  resourceVersion?: string;
  fieldPath?: string;
}

/** core/v1 Event. */
interface Event extends KubeObject {
  involvedObject: ObjectReference;
  type?: string;
  reason?: string;
  message?: string;
  action?: string;
  count?: number;
  firstTimestamp?: string;
  lastTimestamp?: string;
  source?: { component?: string; host?: string };
  reportingComponent?: string;
}

/** A CEL expression over `device`. */
interface DeviceSelectorSource {
  cel?: { expression: string };
}

/** Configuration for one driver. */
interface OpaqueConfiguration {
  driver: string;
  parameters?: Record<string, unknown>;
}

/** resource.k8s.io/v1 DeviceClass. */
export interface DeviceClass extends KubeObject {
  spec: { selectors?: DeviceSelectorSource[]; config?: { opaque?: OpaqueConfiguration }[] };
}

/** How amounts of a capacity are rounded and limited (KEP-5075). */
export interface CapacityRequestPolicy {
  default?: string;
  validValues?: string[];
  validRange?: { min?: string; max?: string; step?: string };
}

/** resource.k8s.io/v1 Device. */
export interface Device {
  name: string;
  attributes?: Record<string, DeviceAttribute>;
  capacity?: Record<string, { value: string; requestPolicy?: CapacityRequestPolicy }>;
  allowMultipleAllocations?: boolean;
  taints?: DeviceTaint[];
}

/** resource.k8s.io/v1 DeviceTaint. */
export interface DeviceTaint {
  key: string;
  value?: string;
  effect: string;
}

/** A toleration of device taints. */
export interface DeviceToleration {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
}

/** core/v1 NodeSelector. */
export interface NodeSelector {
  nodeSelectorTerms: { matchExpressions?: NodeSelectorRequirement[]; matchFields?: NodeSelectorRequirement[] }[];
}

/** core/v1 NodeSelectorRequirement. */
export interface NodeSelectorRequirement {
  key: string;
  operator: string;
  values?: string[];
}

/** resource.k8s.io/v1 ResourceSlice. */
export interface ResourceSlice extends KubeObject {
  spec: {
    driver: string;
    pool: { name: string; generation: number; resourceSliceCount: number };
    nodeName?: string;
    allNodes?: boolean;
    nodeSelector?: NodeSelector;
    devices?: Device[];
  };
}

/** What is common to `exactly` and the alternatives of `firstAvailable`. */
export interface DeviceRequestDetails {
  deviceClassName: string;
  selectors?: DeviceSelectorSource[];
  allocationMode?: 'ExactCount' | 'All';
  count?: number;
  adminAccess?: boolean;
  capacity?: { requests?: Record<string, string> };
  tolerations?: DeviceToleration[];
}

/** resource.k8s.io/v1 DeviceRequest. */
export interface DeviceRequest {
  name: string;
  exactly?: DeviceRequestDetails;
  firstAvailable?: (DeviceRequestDetails & { name: string })[];
}

/** resource.k8s.io/v1 DeviceConstraint: one of the attributes is set. */
export interface DeviceConstraint {
  requests?: string[];
  matchAttribute?: string;
  distinctAttribute?: string;
}

/** resource.k8s.io/v1 ResourceClaimSpec. */
export interface ResourceClaimSpec {
  devices?: {
    requests?: DeviceRequest[];
    constraints?: DeviceConstraint[];
    config?: { requests?: string[]; opaque?: OpaqueConfiguration }[];
  };
}

/** One allocated device. */
export interface DeviceRequestAllocationResult {
  request: string;
  driver: string;
  pool: string;
  device: string;
  adminAccess?: boolean;
  shareID?: string;
  consumedCapacity?: Record<string, string>;
}

/** resource.k8s.io/v1 AllocationResult. */
export interface AllocationResult {
  devices: {
    results?: DeviceRequestAllocationResult[];
    config?: { source: 'FromClass' | 'FromClaim'; requests?: string[]; opaque?: OpaqueConfiguration }[];
  };
  nodeSelector?: NodeSelector;
  allocationTimestamp?: string;
}

/** Who uses a claim. */
export interface ClaimConsumer {
  apiGroup?: string;
  resource: string;
  name: string;
  uid: string;
}

/** What a driver tells of an allocated device (KEP-4817). */
interface AllocatedDeviceStatus {
  driver: string;
  pool: string;
  device: string;
  shareID?: string;
  conditions?: Condition[];
  data?: Record<string, unknown>;
}

/** resource.k8s.io/v1 ResourceClaim. */
export interface ResourceClaim extends KubeObject {
  spec: ResourceClaimSpec;
  status?: { allocation?: AllocationResult; reservedFor?: ClaimConsumer[]; devices?: AllocatedDeviceStatus[] };
}

/** resource.k8s.io/v1 ResourceClaimTemplate. */
interface ResourceClaimTemplate extends KubeObject {
  spec: {
    metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
    spec: ResourceClaimSpec;
  };
}

/** What is known of the objects of a resource, by the name the store has for it. */
interface TypesByResource {
  pods: Pod;
  nodes: Node;
  events: Event;
  deviceclasses: DeviceClass;
  resourceslices: ResourceSlice;
  resourceclaims: ResourceClaim;
  resourceclaimtemplates: ResourceClaimTemplate;
}

/** The type of the objects of a resource. */
export type ObjectOf<R extends string> = R extends keyof TypesByResource ? TypesByResource[R] : KubeObject;
