import type { FieldTable } from '../../src/resource-api/schema/field-type.ts';

/** Fields of the other kinds of core/v1 and of events.k8s.io/v1 (Kubernetes 1.36). */
export const CORE_TYPES: FieldTable = {
  Node: 'apiVersion:string kind:string metadata:ObjectMeta spec:NodeSpec status:NodeStatus',
  Namespace: 'apiVersion:string kind:string metadata:ObjectMeta spec:NamespaceSpec status:NamespaceStatus',
  CoreEvent: `
    action:string apiVersion:string count:integer eventTime:time firstTimestamp:time
    involvedObject:ObjectReference kind:string lastTimestamp:time message:string metadata:ObjectMeta reason:string
    related:ObjectReference reportingComponent:string reportingInstance:string series:CoreEventSeries
    source:EventSource type:string`,
  EventsEvent: `
    action:string apiVersion:string deprecatedCount:integer deprecatedFirstTimestamp:time
    deprecatedLastTimestamp:time deprecatedSource:EventSource eventTime:time kind:string metadata:ObjectMeta
    note:string reason:string regarding:ObjectReference related:ObjectReference reportingController:string
    reportingInstance:string series:EventsEventSeries type:string`,
  ConfigMap: `
    apiVersion:string binaryData:{}string data:{}string immutable:boolean kind:string metadata:ObjectMeta`,
  Binding: 'apiVersion:string kind:string metadata:ObjectMeta target:ObjectReference',
  NodeSpec: `
    configSource:any externalID:string podCIDR:string podCIDRs:[set]string providerID:string taints:[]Taint
    unschedulable:boolean`,
  NodeStatus: `
    addresses:[type]NodeAddress allocatable:{}quantity capacity:{}quantity conditions:[type]NodeCondition
    config:any daemonEndpoints:NodeDaemonEndpoints declaredFeatures:[]string features:NodeFeatures
    images:[]ContainerImage nodeInfo:NodeSystemInfo phase:string runtimeHandlers:[]NodeRuntimeHandler
    volumesAttached:[name]AttachedVolume volumesInUse:[]string`,
  NamespaceSpec: 'finalizers:[set]string',
  NamespaceStatus: 'conditions:[type]NamespaceCondition phase:string',
  ObjectReference: `
    apiVersion:string fieldPath:string kind:string name:string namespace:string resourceVersion:string uid:string`,
  CoreEventSeries: 'count:integer lastObservedTime:time',
  EventSource: 'component:string host:string',
  EventsEventSeries: 'count:integer lastObservedTime:time',
  Taint: 'effect:string key:string timeAdded:time value:string',
  NodeAddress: 'address:string type:string',
  NodeCondition: `
    lastHeartbeatTime:time lastTransitionTime:time message:string reason:string status:string type:string`,
  NodeDaemonEndpoints: 'kubeletEndpoint:DaemonEndpoint',
  NodeFeatures: 'supplementalGroupsPolicy:boolean',
  ContainerImage: 'names:[]string sizeBytes:integer',
  NodeSystemInfo: `
    architecture:string bootID:string containerRuntimeVersion:string kernelVersion:string kubeProxyVersion:string
    kubeletVersion:string machineID:string operatingSystem:string osImage:string swap:NodeSwapStatus
    systemUUID:string`,
  NodeRuntimeHandler: 'features:NodeRuntimeHandlerFeatures name:string',
  AttachedVolume: 'devicePath:string name:string',
  NamespaceCondition: 'lastTransitionTime:time message:string reason:string status:string type:string',
  DaemonEndpoint: 'Port:integer',
  NodeSwapStatus: 'capacity:integer',
  NodeRuntimeHandlerFeatures: 'recursiveReadOnlyMounts:boolean userNamespaces:boolean',
};
