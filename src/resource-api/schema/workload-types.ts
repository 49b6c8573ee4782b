import type { FieldTable } from './field-type.ts';

/** Fields of the workloads that have a pod template: apps/v1, batch/v1, core/v1 (Kubernetes 1.36). Their status is not looked into. */
export const WORKLOAD_TYPES: FieldTable = {
  Deployment: 'apiVersion:string kind:string metadata:ObjectMeta spec:DeploymentSpec status:any',
  ReplicaSet: 'apiVersion:string kind:string metadata:ObjectMeta spec:ReplicaSetSpec status:any',
  StatefulSet: 'apiVersion:string kind:string metadata:ObjectMeta spec:StatefulSetSpec status:any',
  DaemonSet: 'apiVersion:string kind:string metadata:ObjectMeta spec:DaemonSetSpec status:any',
  ReplicationController: `
    apiVersion:string kind:string metadata:ObjectMeta spec:ReplicationControllerSpec status:any`,
  PodTemplate: 'apiVersion:string kind:string metadata:ObjectMeta template:PodTemplateSpec',
  Job: 'apiVersion:string kind:string metadata:ObjectMeta spec:JobSpec status:any',
  CronJob: 'apiVersion:string kind:string metadata:ObjectMeta spec:CronJobSpec status:any',
  DeploymentSpec: `
    minReadySeconds:integer paused:boolean progressDeadlineSeconds:integer replicas:integer
    revisionHistoryLimit:integer selector:LabelSelector strategy:DeploymentStrategy template:PodTemplateSpec`,
  ReplicaSetSpec: 'minReadySeconds:integer replicas:integer selector:LabelSelector template:PodTemplateSpec',
  StatefulSetSpec: `
    minReadySeconds:integer ordinals:StatefulSetOrdinals
    persistentVolumeClaimRetentionPolicy:StatefulSetPersistentVolumeClaimRetentionPolicy podManagementPolicy:string
    replicas:integer revisionHistoryLimit:integer selector:LabelSelector serviceName:string
    template:PodTemplateSpec updateStrategy:StatefulSetUpdateStrategy volumeClaimTemplates:[]PersistentVolumeClaim`,
  DaemonSetSpec: `
    minReadySeconds:integer revisionHistoryLimit:integer selector:LabelSelector template:PodTemplateSpec
    updateStrategy:DaemonSetUpdateStrategy`,
  ReplicationControllerSpec: 'minReadySeconds:integer replicas:integer selector:{}string template:PodTemplateSpec',
  PodTemplateSpec: 'metadata:ObjectMeta spec:PodSpec',
  JobSpec: `
    activeDeadlineSeconds:integer backoffLimit:integer backoffLimitPerIndex:integer completionMode:string
    completions:integer managedBy:string manualSelector:boolean maxFailedIndexes:integer parallelism:integer
    podFailurePolicy:PodFailurePolicy podReplacementPolicy:string selector:LabelSelector
    successPolicy:SuccessPolicy suspend:boolean template:PodTemplateSpec ttlSecondsAfterFinished:integer`,
  CronJobSpec: `
    concurrencyPolicy:string failedJobsHistoryLimit:integer jobTemplate:JobTemplateSpec schedule:string
    startingDeadlineSeconds:integer successfulJobsHistoryLimit:integer suspend:boolean timeZone:string`,
  DeploymentStrategy: 'rollingUpdate:RollingUpdateDeployment type:string',
  StatefulSetOrdinals: 'start:integer',
  StatefulSetPersistentVolumeClaimRetentionPolicy: 'whenDeleted:string whenScaled:string',
  StatefulSetUpdateStrategy: 'rollingUpdate:RollingUpdateStatefulSetStrategy type:string',
  PersistentVolumeClaim: `
    apiVersion:string kind:string metadata:ObjectMeta spec:PersistentVolumeClaimSpec status:any`,
  DaemonSetUpdateStrategy: 'rollingUpdate:RollingUpdateDaemonSet type:string',
  PodFailurePolicy: 'rules:[]PodFailurePolicyRule',
  SuccessPolicy: 'rules:[]SuccessPolicyRule',
  JobTemplateSpec: 'metadata:ObjectMeta spec:JobSpec',
  RollingUpdateDeployment: 'maxSurge:intOrString maxUnavailable:intOrString',
  RollingUpdateStatefulSetStrategy: 'maxUnavailable:intOrString partition:integer',
  RollingUpdateDaemonSet: 'maxSurge:intOrString maxUnavailable:intOrString',
  PodFailurePolicyRule: `
    action:string onExitCodes:PodFailurePolicyOnExitCodesRequirement
    onPodConditions:[]PodFailurePolicyOnPodConditionsPattern`,
  SuccessPolicyRule: 'succeededCount:integer succeededIndexes:string',
  PodFailurePolicyOnExitCodesRequirement: 'containerName:string operator:string values:[]integer',
  PodFailurePolicyOnPodConditionsPattern: 'status:string type:string',
};
