import type { FieldTable } from './field-type.ts';

/** Fields of resource.k8s.io/v1 (Kubernetes 1.36, with what 1.37 adds). */
export const RESOURCE_TYPES: FieldTable = {
  ResourceSlice: 'apiVersion:string kind:string metadata:ObjectMeta spec:ResourceSliceSpec',
  ResourceClaim: `
    apiVersion:string kind:string metadata:ObjectMeta spec:ResourceClaimSpec status:ResourceClaimStatus`,
  ResourceClaimTemplate: 'apiVersion:string kind:string metadata:ObjectMeta spec:ResourceClaimTemplateSpec',
  DeviceClass: 'apiVersion:string kind:string metadata:ObjectMeta spec:DeviceClassSpec',
  ResourceSliceSpec: `
    allNodes:boolean devices:[]Device driver:string nodeName:string nodeSelector:NodeSelector
    partitionTypeAttribute:string perDeviceNodeSelection:boolean pool:ResourcePool sharedCounters:[]CounterSet
    skipNodeOperations:[set]string`,
  ResourceClaimSpec: 'devices:DeviceClaim',
  ResourceClaimStatus: `
    allocation:AllocationResult devices:[apply:driver,device,pool,shareID]AllocatedDeviceStatus
    reservedFor:[uid]ResourceClaimConsumerReference`,
  ResourceClaimTemplateSpec: 'metadata:ObjectMeta spec:ResourceClaimSpec',
  DeviceClassSpec: 'config:[]DeviceClassConfiguration extendedResourceName:string selectors:[]DeviceSelector',
  Device: `
    allNodes:boolean allowMultipleAllocations:boolean attributes:{}DeviceAttribute bindingConditions:[]string
    bindingFailureConditions:[]string bindsToNode:boolean capacity:{}DeviceCapacity
    consumesCounters:[]DeviceCounterConsumption name:string
    nodeAllocatableResourceMappings:{}NodeAllocatableResourceMapping
    nodeAllocatableResources:{}NodeAllocatableResource nodeName:string nodeSelector:NodeSelector
    taints:[]DeviceTaint`,
  ResourcePool: 'generation:integer name:string resourceSliceCount:integer',
  CounterSet: 'counters:{}Counter name:string',
  DeviceClaim: 'config:[]DeviceClaimConfiguration constraints:[]DeviceConstraint requests:[]DeviceRequest',
  AllocationResult: 'allocationTimestamp:time devices:DeviceAllocationResult nodeSelector:NodeSelector',
  AllocatedDeviceStatus: `
    conditions:[apply:type]Condition data:any device:string driver:string networkData:NetworkDeviceData
    pool:string shareID:string`,
  ResourceClaimConsumerReference: 'apiGroup:string name:string resource:string uid:string',
  DeviceClassConfiguration: 'opaque:OpaqueDeviceConfiguration',
  DeviceSelector: 'cel:CELDeviceSelector',
  DeviceAttribute: `
    bool:boolean bools:[]boolean int:integer ints:[]integer string:string strings:[]string version:string
    versions:[]string`,
  DeviceCapacity: 'requestPolicy:CapacityRequestPolicy value:quantity',
  DeviceCounterConsumption: 'counterSet:string counters:{}Counter',
  NodeAllocatableResourceMapping: 'allocationMultiplier:quantity capacityKey:string',
  NodeAllocatableResource: 'mapping:NodeAllocatableMapping overhead:NodeAllocatableOverhead',
  NodeAllocatableMapping: 'capacityKey:string capacityMultiplier:quantity deviceMultiplier:quantity',
  NodeAllocatableOverhead: 'perContainer:quantity perPod:quantity',
  DeviceTaint: 'effect:string key:string timeAdded:time value:string',
  Counter: 'value:quantity',
  DeviceClaimConfiguration: 'opaque:OpaqueDeviceConfiguration requests:[]string',
  DeviceConstraint: 'distinctAttribute:string matchAttribute:string requests:[]string',
  DeviceRequest: 'exactly:ExactDeviceRequest firstAvailable:[]DeviceSubRequest name:string',
  DeviceAllocationResult: 'config:[]DeviceAllocationConfiguration results:[]DeviceRequestAllocationResult',
  NetworkDeviceData: 'hardwareAddress:string interfaceName:string ips:[]string',
  OpaqueDeviceConfiguration: 'driver:string parameters:any',
  CELDeviceSelector: 'expression:string',
  CapacityRequestPolicy: 'default:quantity validRange:CapacityRequestPolicyRange validValues:[]quantity',
  ExactDeviceRequest: `
    adminAccess:boolean allocationMode:string capacity:CapacityRequirements count:integer deviceClassName:string
    selectors:[]DeviceSelector tolerations:[]DeviceToleration`,
  DeviceSubRequest: `
    allocationMode:string capacity:CapacityRequirements count:integer deviceClassName:string name:string
    selectors:[]DeviceSelector tolerations:[]DeviceToleration`,
  DeviceAllocationConfiguration: 'opaque:OpaqueDeviceConfiguration requests:[]string source:string',
  DeviceRequestAllocationResult: `
    adminAccess:boolean bindingConditions:[]string bindingFailureConditions:[]string consumedCapacity:{}quantity
    device:string driver:string pool:string request:string shareID:string tolerations:[]DeviceToleration`,
  CapacityRequestPolicyRange: 'max:quantity min:quantity step:quantity',
  CapacityRequirements: 'requests:{}quantity',
  DeviceToleration: 'effect:string key:string operator:string tolerationSeconds:integer value:string',
};
