import type { FieldTable } from './field-type.ts';

/** Fields of core/v1 Pod (Kubernetes 1.36). */
export const POD_TYPES: FieldTable = {
  Pod: 'apiVersion:string kind:string metadata:ObjectMeta spec:PodSpec status:PodStatus',
  PodSpec: `
    activeDeadlineSeconds:integer affinity:Affinity automountServiceAccountToken:boolean
    containers:[name]Container dnsConfig:PodDNSConfig dnsPolicy:string enableServiceLinks:boolean
    ephemeralContainers:[name]EphemeralContainer hostAliases:[ip]HostAlias hostIPC:boolean hostNetwork:boolean
    hostPID:boolean hostUsers:boolean hostname:string hostnameOverride:string
    imagePullSecrets:[name]LocalObjectReference initContainers:[name]Container nodeName:string
    nodeSelector:{}string os:PodOS overhead:{}quantity preemptionPolicy:string priority:integer
    priorityClassName:string readinessGates:[]PodReadinessGate resourceClaims:[name]PodResourceClaim
    resources:ResourceRequirements restartPolicy:string runtimeClassName:string schedulerName:string
    schedulingGates:[name]PodSchedulingGate schedulingGroup:PodSchedulingGroup securityContext:PodSecurityContext
    serviceAccount:string serviceAccountName:string setHostnameAsFQDN:boolean shareProcessNamespace:boolean
    subdomain:string terminationGracePeriodSeconds:integer tolerations:[]Toleration
    topologySpreadConstraints:[topologyKey]TopologySpreadConstraint volumes:[name]Volume`,
  PodStatus: `
    allocatedResources:{}quantity conditions:[type]PodCondition containerStatuses:[]ContainerStatus
    ephemeralContainerStatuses:[]ContainerStatus extendedResourceClaimStatus:PodExtendedResourceClaimStatus
    hostIP:string hostIPs:[ip]HostIP initContainerStatuses:[]ContainerStatus message:string
    nodeAllocatableResourceClaimStatuses:[]NodeAllocatableResourceClaimStatus nominatedNodeName:string
    observedGeneration:integer phase:string podIP:string podIPs:[ip]PodIP qosClass:string reason:string
    resize:string resourceClaimStatuses:[name]PodResourceClaimStatus resources:ResourceRequirements startTime:time`,
  Affinity: 'nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity',
  Container: `
    args:[]string command:[]string env:[name]EnvVar envFrom:[]EnvFromSource image:string imagePullPolicy:string
    lifecycle:Lifecycle livenessProbe:Probe name:string ports:[containerPort]ContainerPort readinessProbe:Probe
    resizePolicy:[]ContainerResizePolicy resources:ResourceRequirements restartPolicy:string
    restartPolicyRules:[]ContainerRestartRule securityContext:SecurityContext startupProbe:Probe stdin:boolean
    stdinOnce:boolean terminationMessagePath:string terminationMessagePolicy:string tty:boolean
    volumeDevices:[devicePath]VolumeDevice volumeMounts:[mountPath]VolumeMount workingDir:string`,
  PodDNSConfig: 'nameservers:[]string options:[]PodDNSConfigOption searches:[]string',
  EphemeralContainer: `
    args:[]string command:[]string env:[name]EnvVar envFrom:[]EnvFromSource image:string imagePullPolicy:string
    lifecycle:Lifecycle livenessProbe:Probe name:string ports:[containerPort]ContainerPort readinessProbe:Probe
    resizePolicy:[]ContainerResizePolicy resources:ResourceRequirements restartPolicy:string
    restartPolicyRules:[]ContainerRestartRule securityContext:SecurityContext startupProbe:Probe stdin:boolean
    stdinOnce:boolean targetContainerName:string terminationMessagePath:string terminationMessagePolicy:string
    tty:boolean volumeDevices:[devicePath]VolumeDevice volumeMounts:[mountPath]VolumeMount workingDir:string`,
  HostAlias: 'hostnames:[]string ip:string',
  LocalObjectReference: 'name:string',
  PodOS: 'name:string',
  PodReadinessGate: 'conditionType:string',
  PodResourceClaim: 'name:string resourceClaimName:string resourceClaimTemplateName:string',
  ResourceRequirements: 'claims:[apply:name]CoreResourceClaim limits:{}quantity requests:{}quantity',
  PodSchedulingGate: 'name:string',
  PodSchedulingGroup: 'podGroupName:string',
  PodSecurityContext: `
    appArmorProfile:AppArmorProfile fsGroup:integer fsGroupChangePolicy:string runAsGroup:integer
    runAsNonRoot:boolean runAsUser:integer seLinuxChangePolicy:string seLinuxOptions:SELinuxOptions
    seccompProfile:SeccompProfile supplementalGroups:[]integer supplementalGroupsPolicy:string sysctls:[]Sysctl
    windowsOptions:WindowsSecurityContextOptions`,
  Toleration: 'effect:string key:string operator:string tolerationSeconds:integer value:string',
  TopologySpreadConstraint: `
    labelSelector:LabelSelector matchLabelKeys:[]string maxSkew:integer minDomains:integer
    nodeAffinityPolicy:string nodeTaintsPolicy:string topologyKey:string whenUnsatisfiable:string`,
  PodCondition: `
    lastProbeTime:time lastTransitionTime:time message:string observedGeneration:integer reason:string
    status:string type:string`,
  ContainerStatus: `
    allocatedResources:{}quantity allocatedResourcesStatus:[]ResourceStatus containerID:string image:string
    imageID:string lastState:ContainerState name:string ready:boolean resources:ResourceRequirements
    restartCount:integer started:boolean state:ContainerState stopSignal:string user:ContainerUser
    volumeMounts:[mountPath]VolumeMountStatus`,
  PodExtendedResourceClaimStatus: 'requestMappings:[]ContainerExtendedResourceRequest resourceClaimName:string',
  HostIP: 'ip:string',
  NodeAllocatableResourceClaimStatus: 'containers:[name]string resourceClaimName:string resources:{}quantity',
  PodIP: 'ip:string',
  PodResourceClaimStatus: 'name:string resourceClaimName:string',
  NodeAffinity: `
    preferredDuringSchedulingIgnoredDuringExecution:[]PreferredSchedulingTerm
    requiredDuringSchedulingIgnoredDuringExecution:NodeSelector`,
  PodAffinity: `
    preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
    requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm`,
  PodAntiAffinity: `
    preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
    requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm`,
  EnvVar: 'name:string value:string valueFrom:EnvVarSource',
  EnvFromSource: 'configMapRef:ConfigMapEnvSource prefix:string secretRef:SecretEnvSource',
  Lifecycle: 'postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:string',
  Probe: `
    exec:ExecAction failureThreshold:integer grpc:GRPCAction httpGet:HTTPGetAction initialDelaySeconds:integer
    periodSeconds:integer successThreshold:integer tcpSocket:TCPSocketAction terminationGracePeriodSeconds:integer
    timeoutSeconds:integer`,
  ContainerPort: 'containerPort:integer hostIP:string hostPort:integer name:string protocol:string',
  ContainerResizePolicy: 'resourceName:string restartPolicy:string',
  ContainerRestartRule: 'action:string exitCodes:ContainerRestartRuleOnExitCodes',
  SecurityContext: `
    allowPrivilegeEscalation:boolean appArmorProfile:AppArmorProfile capabilities:Capabilities privileged:boolean
    procMount:string readOnlyRootFilesystem:boolean runAsGroup:integer runAsNonRoot:boolean runAsUser:integer
    seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile windowsOptions:WindowsSecurityContextOptions`,
  VolumeDevice: 'devicePath:string name:string',
  VolumeMount: `
    mountPath:string mountPropagation:string name:string readOnly:boolean recursiveReadOnly:string subPath:string
    subPathExpr:string`,
  PodDNSConfigOption: 'name:string value:string',
  CoreResourceClaim: 'name:string request:string',
  AppArmorProfile: 'localhostProfile:string type:string',
  SELinuxOptions: 'level:string role:string type:string user:string',
  SeccompProfile: 'localhostProfile:string type:string',
  Sysctl: 'name:string value:string',
  LabelSelector: 'matchExpressions:[]LabelSelectorRequirement matchLabels:{}string',
  ConfigMapVolumeSource: 'defaultMode:integer items:[]KeyToPath name:string optional:boolean',
  DownwardAPIVolumeSource: 'defaultMode:integer items:[]DownwardAPIVolumeFile',
  EmptyDirVolumeSource: 'medium:string sizeLimit:quantity',
  HostPathVolumeSource: 'path:string type:string',
  ProjectedVolumeSource: 'defaultMode:integer sources:[]VolumeProjection',
  SecretVolumeSource: 'defaultMode:integer items:[]KeyToPath optional:boolean secretName:string',
  ResourceStatus: 'name:string resources:[]ResourceHealth',
  ContainerState: 'running:ContainerStateRunning terminated:ContainerStateTerminated waiting:ContainerStateWaiting',
  ContainerUser: 'linux:LinuxContainerUser',
  VolumeMountStatus: `
    mountPath:string name:string readOnly:boolean recursiveReadOnly:string volumeStatus:VolumeStatus`,
  ContainerExtendedResourceRequest: 'containerName:string requestName:string resourceName:string',
  PreferredSchedulingTerm: 'preference:NodeSelectorTerm weight:integer',
  WeightedPodAffinityTerm: 'podAffinityTerm:PodAffinityTerm weight:integer',
  PodAffinityTerm: `
    labelSelector:LabelSelector matchLabelKeys:[]string mismatchLabelKeys:[]string namespaceSelector:LabelSelector
    namespaces:[]string topologyKey:string`,
  EnvVarSource: `
    configMapKeyRef:ConfigMapKeySelector fieldRef:ObjectFieldSelector fileKeyRef:FileKeySelector
    resourceFieldRef:ResourceFieldSelector secretKeyRef:SecretKeySelector`,
  ConfigMapEnvSource: 'name:string optional:boolean',
  SecretEnvSource: 'name:string optional:boolean',
  LifecycleHandler: 'exec:ExecAction httpGet:HTTPGetAction sleep:SleepAction tcpSocket:TCPSocketAction',
  ExecAction: 'command:[]string',
  GRPCAction: 'port:integer service:string',
  HTTPGetAction: 'host:string httpHeaders:[]HTTPHeader path:string port:intOrString scheme:string',
  TCPSocketAction: 'host:string port:intOrString',
  ContainerRestartRuleOnExitCodes: 'operator:string values:[]integer',
  Capabilities: 'add:[]string drop:[]string',
  LabelSelectorRequirement: 'key:string operator:string values:[]string',
  KeyToPath: 'key:string mode:integer path:string',
  DownwardAPIVolumeFile: `
    fieldRef:ObjectFieldSelector mode:integer path:string resourceFieldRef:ResourceFieldSelector`,
  ResourceHealth: 'health:string message:string resourceID:string',
  ContainerStateRunning: 'startedAt:time',
  ContainerStateTerminated: `
    containerID:string exitCode:integer finishedAt:time message:string reason:string signal:integer startedAt:time`,
  ContainerStateWaiting: 'message:string reason:string',
  LinuxContainerUser: 'gid:integer supplementalGroups:[]integer uid:integer',
  VolumeStatus: 'image:ImageVolumeStatus',
  ConfigMapKeySelector: 'key:string name:string optional:boolean',
  ObjectFieldSelector: 'apiVersion:string fieldPath:string',
  FileKeySelector: 'key:string optional:boolean path:string volumeName:string',
  ResourceFieldSelector: 'containerName:string divisor:quantity resource:string',
  SecretKeySelector: 'key:string name:string optional:boolean',
  SleepAction: 'seconds:integer',
  HTTPHeader: 'name:string value:string',
  ConfigMapProjection: 'items:[]KeyToPath name:string optional:boolean',
  DownwardAPIProjection: 'items:[]DownwardAPIVolumeFile',
  SecretProjection: 'items:[]KeyToPath name:string optional:boolean',
  ServiceAccountTokenProjection: 'audience:string expirationSeconds:integer path:string',
  ImageVolumeStatus: 'imageRef:string',
};
