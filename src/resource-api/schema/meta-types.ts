import type { FieldTable } from './field-type.ts';

/** Fields of what several API groups share (meta/v1, core/v1 node selectors; Kubernetes 1.36). */
export const META_TYPES: FieldTable = {
  Condition: `
    lastTransitionTime:time message:string observedGeneration:integer reason:string status:string type:string`,
  ManagedFieldsEntry: `
    apiVersion:string fieldsType:string fieldsV1:any manager:string operation:string subresource:string time:time`,
  NodeSelector: 'nodeSelectorTerms:[]NodeSelectorTerm',
  NodeSelectorRequirement: 'key:string operator:string values:[]string',
  NodeSelectorTerm: 'matchExpressions:[]NodeSelectorRequirement matchFields:[]NodeSelectorRequirement',
  ObjectMeta: `
    annotations:{}string creationTimestamp:time deletionGracePeriodSeconds:integer deletionTimestamp:time
    finalizers:[set]string generateName:string generation:integer labels:{}string
    managedFields:[]ManagedFieldsEntry name:string namespace:string ownerReferences:[uid]OwnerReference
    resourceVersion:string selfLink:string uid:string`,
  OwnerReference: `
    apiVersion:string blockOwnerDeletion:boolean controller:boolean kind:string name:string uid:string`,
};
