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

/** A CEL expression over `device`. */
export interface DeviceSelectorSource {
  cel?: { expression: string };
}

/** Configuration for one driver. */
export interface OpaqueConfiguration {
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
export interface AllocatedDeviceStatus {
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
export interface ResourceClaimTemplate extends KubeObject {
  spec: {
    metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
    spec: ResourceClaimSpec;
  };
}
