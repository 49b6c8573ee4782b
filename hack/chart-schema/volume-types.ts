/** Volumes and their sources, as the core API has them; see pod-types.ts. */
import {
  closed,
  type Definitions,
  flag,
  type JsonSchema,
  listOf,
  mapOf,
  oneOf,
  refer,
  text,
  whole,
} from './json-schema.ts';

const MODE: JsonSchema = { type: 'integer', minimum: 0, maximum: 0o777 };
const secretRef = refer('LocalObjectReference');

const projections: Definitions = {
  KeyToPath: closed({ key: text, path: text, mode: MODE, user: whole }, 'key', 'path'),
  DownwardAPIVolumeFile: closed(
    {
      path: text,
      fieldRef: refer('ObjectFieldSelector'),
      resourceFieldRef: refer('ResourceFieldSelector'),
      mode: MODE,
      user: whole,
    },
    'path',
  ),
  VolumeProjection: closed({
    clusterTrustBundle: refer('ClusterTrustBundleProjection'),
    configMap: refer('ConfigMapProjection'),
    downwardAPI: refer('DownwardAPIProjection'),
    podCertificate: refer('PodCertificateProjection'),
    secret: refer('SecretProjection'),
    serviceAccountToken: refer('ServiceAccountTokenProjection'),
  }),
  ClusterTrustBundleProjection: closed(
    { labelSelector: refer('LabelSelector'), name: text, optional: flag, path: text, signerName: text, user: whole },
    'path',
  ),
  ConfigMapProjection: closed({ items: listOf(refer('KeyToPath')), name: text, optional: flag }),
  SecretProjection: closed({ items: listOf(refer('KeyToPath')), name: text, optional: flag }),
  DownwardAPIProjection: closed({ items: listOf(refer('DownwardAPIVolumeFile')) }),
  ServiceAccountTokenProjection: closed({ audience: text, expirationSeconds: whole, path: text, user: whole }, 'path'),
  PodCertificateProjection: closed(
    {
      certificateChainPath: text,
      credentialBundlePath: text,
      keyPath: text,
      keyType: text,
      maxExpirationSeconds: whole,
      signerName: text,
      user: whole,
      userAnnotations: mapOf(text),
    },
    'signerName',
    'keyType',
  ),
};

const sources: Definitions = {
  ConfigMapVolumeSource: closed({
    defaultMode: MODE,
    defaultUser: whole,
    items: listOf(refer('KeyToPath')),
    name: text,
    optional: flag,
  }),
  SecretVolumeSource: closed({
    defaultMode: MODE,
    defaultUser: whole,
    items: listOf(refer('KeyToPath')),
    optional: flag,
    secretName: text,
  }),
  DownwardAPIVolumeSource: closed({
    defaultMode: MODE,
    defaultUser: whole,
    items: listOf(refer('DownwardAPIVolumeFile')),
  }),
  ProjectedVolumeSource: closed({ defaultMode: MODE, defaultUser: whole, sources: listOf(refer('VolumeProjection')) }),
  EmptyDirVolumeSource: closed({ medium: text, mode: MODE, sizeLimit: refer('Quantity') }),
  HostPathVolumeSource: closed(
    {
      path: text,
      type: oneOf('', 'DirectoryOrCreate', 'Directory', 'FileOrCreate', 'File', 'Socket', 'CharDevice', 'BlockDevice'),
    },
    'path',
  ),
  ImageVolumeSource: closed({ pullPolicy: oneOf('Always', 'IfNotPresent', 'Never'), reference: text }),
  PersistentVolumeClaimVolumeSource: closed({ claimName: text, readOnly: flag }, 'claimName'),
  CSIVolumeSource: closed(
    { driver: text, fsType: text, nodePublishSecretRef: secretRef, readOnly: flag, volumeAttributes: mapOf(text) },
    'driver',
  ),
  NFSVolumeSource: closed({ path: text, readOnly: flag, server: text }, 'server', 'path'),
  ISCSIVolumeSource: closed(
    {
      chapAuthDiscovery: flag,
      chapAuthSession: flag,
      fsType: text,
      initiatorName: text,
      iqn: text,
      iscsiInterface: text,
      lun: whole,
      portals: listOf(text),
      readOnly: flag,
      secretRef,
      targetPortal: text,
    },
    'targetPortal',
    'iqn',
    'lun',
  ),
  FCVolumeSource: closed({ fsType: text, lun: whole, readOnly: flag, targetWWNs: listOf(text), wwids: listOf(text) }),
};

/** A volume of a pod. Sources that a DaemonSet cannot share, or that Kubernetes has removed, are left out. */
export const volumeTypes: Definitions = {
  Volume: closed(
    {
      name: text,
      configMap: refer('ConfigMapVolumeSource'),
      csi: refer('CSIVolumeSource'),
      downwardAPI: refer('DownwardAPIVolumeSource'),
      emptyDir: refer('EmptyDirVolumeSource'),
      fc: refer('FCVolumeSource'),
      hostPath: refer('HostPathVolumeSource'),
      image: refer('ImageVolumeSource'),
      iscsi: refer('ISCSIVolumeSource'),
      nfs: refer('NFSVolumeSource'),
      persistentVolumeClaim: refer('PersistentVolumeClaimVolumeSource'),
      projected: refer('ProjectedVolumeSource'),
      secret: refer('SecretVolumeSource'),
    },
    'name',
  ),
  ...sources,
  ...projections,
};
