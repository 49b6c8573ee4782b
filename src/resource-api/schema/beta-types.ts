import type { FieldTable } from './field-type.ts';

/** Types of resource.k8s.io/v1beta1 that differ from those of v1 (Kubernetes 1.36); v1beta2 has those of v1. */
export const V1BETA1_TYPES: FieldTable = {
  DeviceRequest: `
    adminAccess:boolean allocationMode:string capacity:CapacityRequirements count:integer deviceClassName:string
    firstAvailable:[]DeviceSubRequest name:string selectors:[]DeviceSelector tolerations:[]DeviceToleration`,
  Device: 'basic:BasicDevice name:string',
  BasicDevice: `
    allNodes:boolean allowMultipleAllocations:boolean attributes:{}DeviceAttribute bindingConditions:[]string
    bindingFailureConditions:[]string bindsToNode:boolean capacity:{}DeviceCapacity
    consumesCounters:[]DeviceCounterConsumption nodeAllocatableResourceMappings:{}NodeAllocatableResourceMapping
    nodeAllocatableResources:{}NodeAllocatableResource nodeName:string nodeSelector:NodeSelector taints:[]DeviceTaint`,
};
