import type { FieldTable } from './field-type.ts';

/** Fields of the volumes of a core/v1 Pod (Kubernetes 1.36). */
export const VOLUME_TYPES: FieldTable = {
  Volume: `
    awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource
    azureFile:AzureFileVolumeSource cephfs:CephFSVolumeSource cinder:CinderVolumeSource
    configMap:ConfigMapVolumeSource csi:CSIVolumeSource downwardAPI:DownwardAPIVolumeSource
    emptyDir:EmptyDirVolumeSource ephemeral:EphemeralVolumeSource fc:FCVolumeSource flexVolume:FlexVolumeSource
    flocker:FlockerVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource gitRepo:GitRepoVolumeSource
    glusterfs:GlusterfsVolumeSource hostPath:HostPathVolumeSource image:ImageVolumeSource iscsi:ISCSIVolumeSource
    name:string nfs:NFSVolumeSource persistentVolumeClaim:PersistentVolumeClaimVolumeSource
    photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource
    projected:ProjectedVolumeSource quobyte:QuobyteVolumeSource rbd:RBDVolumeSource scaleIO:ScaleIOVolumeSource
    secret:SecretVolumeSource storageos:StorageOSVolumeSource vsphereVolume:VsphereVirtualDiskVolumeSource`,
  VolumeProjection: `
    clusterTrustBundle:ClusterTrustBundleProjection configMap:ConfigMapProjection downwardAPI:DownwardAPIProjection
    podCertificate:PodCertificateProjection secret:SecretProjection
    serviceAccountToken:ServiceAccountTokenProjection`,
  WindowsSecurityContextOptions: `
    gmsaCredentialSpec:string gmsaCredentialSpecName:string hostProcess:boolean runAsUserName:string`,
  AWSElasticBlockStoreVolumeSource: 'fsType:string partition:integer readOnly:boolean volumeID:string',
  AzureDiskVolumeSource: `
    cachingMode:string diskName:string diskURI:string fsType:string kind:string readOnly:boolean`,
  AzureFileVolumeSource: 'readOnly:boolean secretName:string shareName:string',
  CephFSVolumeSource: `
    monitors:[]string path:string readOnly:boolean secretFile:string secretRef:LocalObjectReference user:string`,
  CinderVolumeSource: 'fsType:string readOnly:boolean secretRef:LocalObjectReference volumeID:string',
  CSIVolumeSource: `
    driver:string fsType:string nodePublishSecretRef:LocalObjectReference readOnly:boolean
    volumeAttributes:{}string`,
  EphemeralVolumeSource: 'volumeClaimTemplate:PersistentVolumeClaimTemplate',
  FCVolumeSource: 'fsType:string lun:integer readOnly:boolean targetWWNs:[]string wwids:[]string',
  FlexVolumeSource: 'driver:string fsType:string options:{}string readOnly:boolean secretRef:LocalObjectReference',
  FlockerVolumeSource: 'datasetName:string datasetUUID:string',
  GCEPersistentDiskVolumeSource: 'fsType:string partition:integer pdName:string readOnly:boolean',
  GitRepoVolumeSource: 'directory:string repository:string revision:string',
  GlusterfsVolumeSource: 'endpoints:string path:string readOnly:boolean',
  ImageVolumeSource: 'pullPolicy:string reference:string',
  ISCSIVolumeSource: `
    chapAuthDiscovery:boolean chapAuthSession:boolean fsType:string initiatorName:string iqn:string
    iscsiInterface:string lun:integer portals:[]string readOnly:boolean secretRef:LocalObjectReference
    targetPortal:string`,
  NFSVolumeSource: 'path:string readOnly:boolean server:string',
  PersistentVolumeClaimVolumeSource: 'claimName:string readOnly:boolean',
  PhotonPersistentDiskVolumeSource: 'fsType:string pdID:string',
  PortworxVolumeSource: 'fsType:string readOnly:boolean volumeID:string',
  QuobyteVolumeSource: 'group:string readOnly:boolean registry:string tenant:string user:string volume:string',
  RBDVolumeSource: `
    fsType:string image:string keyring:string monitors:[]string pool:string readOnly:boolean
    secretRef:LocalObjectReference user:string`,
  ScaleIOVolumeSource: `
    fsType:string gateway:string protectionDomain:string readOnly:boolean secretRef:LocalObjectReference
    sslEnabled:boolean storageMode:string storagePool:string system:string volumeName:string`,
  StorageOSVolumeSource: `
    fsType:string readOnly:boolean secretRef:LocalObjectReference volumeName:string volumeNamespace:string`,
  VsphereVirtualDiskVolumeSource: 'fsType:string storagePolicyID:string storagePolicyName:string volumePath:string',
  ClusterTrustBundleProjection: `
    labelSelector:LabelSelector name:string optional:boolean path:string signerName:string`,
  PodCertificateProjection: `
    certificateChainPath:string credentialBundlePath:string keyPath:string keyType:string
    maxExpirationSeconds:integer signerName:string userAnnotations:{}string`,
  PersistentVolumeClaimTemplate: 'metadata:ObjectMeta spec:PersistentVolumeClaimSpec',
  PersistentVolumeClaimSpec: `
    accessModes:[]string dataSource:TypedLocalObjectReference dataSourceRef:TypedObjectReference
    resources:VolumeResourceRequirements selector:LabelSelector storageClassName:string
    volumeAttributesClassName:string volumeMode:string volumeName:string`,
  TypedLocalObjectReference: 'apiGroup:string kind:string name:string',
  TypedObjectReference: 'apiGroup:string kind:string name:string namespace:string',
  VolumeResourceRequirements: 'limits:{}quantity requests:{}quantity',
};
