/**
 * The types of the core API that values of the chart hold. Names of definitions, their properties and which are required
 * are those of Kubernetes, so that a misspelled field is an error of Helm instead of being dropped by the API server.
 * `test/chart/pod-types.test.ts` compares them with the OpenAPI documents of Kubernetes.
 */
import { closed, type Definitions, flag, type JsonSchema, listOf, oneOf, refer, text, whole } from './json-schema.ts';

/** Amounts such as "100m", "80Mi" or 2 (apimachinery, resource.Quantity). */
const QUANTITY = '^([0-9]+\\.?[0-9]*|\\.[0-9]+)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][-+]?[0-9]+)?$';
/** Values of labels (apimachinery, IsValidLabelValue). */
const LABEL_VALUE = '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$';
/** Keys of labels and annotations: a name, before it a DNS subdomain and a slash (apimachinery, IsQualifiedName). */
const QUALIFIED_NAME = '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$';

const WEIGHT: JsonSchema = { type: 'integer', minimum: 1, maximum: 100 };
const USER_ID: JsonSchema = { type: 'integer', minimum: 0 };
const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';

const podAffinity = closed({
  [required]: listOf(refer('PodAffinityTerm')),
  [preferred]: listOf(refer('WeightedPodAffinityTerm')),
});

const values: Definitions = {
  Quantity: { type: ['string', 'number'], pattern: QUANTITY, minimum: 0 },
  IntOrString: { type: ['integer', 'string'], minimum: 0, pattern: '^[0-9]{1,3}%$' },
  Labels: {
    type: 'object',
    propertyNames: { pattern: QUALIFIED_NAME },
    additionalProperties: { type: 'string', maxLength: 63, pattern: LABEL_VALUE },
  },
  Annotations: { type: 'object', propertyNames: { pattern: QUALIFIED_NAME }, additionalProperties: text },
  ResourceList: {
    type: 'object',
    properties: {
      cpu: refer('Quantity'),
      memory: refer('Quantity'),
      'ephemeral-storage': refer('Quantity'),
    },
    patternProperties: { '^hugepages-[0-9]+[KMGT]i$': refer('Quantity') },
    additionalProperties: false,
  },
  LocalObjectReference: closed({ name: text }),
};

const selectors: Definitions = {
  LabelSelector: closed({
    matchLabels: refer('Labels'),
    matchExpressions: listOf(refer('LabelSelectorRequirement')),
  }),
  LabelSelectorRequirement: closed(
    { key: text, operator: oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'), values: listOf(text) },
    'key',
    'operator',
  ),
  NodeSelectorRequirement: closed(
    { key: text, operator: oneOf('In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'), values: listOf(text) },
    'key',
    'operator',
  ),
  NodeSelectorTerm: closed({
    matchExpressions: listOf(refer('NodeSelectorRequirement')),
    matchFields: listOf(refer('NodeSelectorRequirement')),
  }),
  NodeSelector: closed({ nodeSelectorTerms: listOf(refer('NodeSelectorTerm')) }, 'nodeSelectorTerms'),
};

const scheduling: Definitions = {
  Toleration: closed({
    key: text,
    operator: oneOf('Exists', 'Equal', 'Lt', 'Gt'),
    value: text,
    effect: oneOf('', 'NoSchedule', 'PreferNoSchedule', 'NoExecute'),
    tolerationSeconds: whole,
  }),
  Affinity: closed({
    nodeAffinity: refer('NodeAffinity'),
    podAffinity: refer('PodAffinity'),
    podAntiAffinity: refer('PodAntiAffinity'),
  }),
  NodeAffinity: closed({ [required]: refer('NodeSelector'), [preferred]: listOf(refer('PreferredSchedulingTerm')) }),
  PreferredSchedulingTerm: closed({ weight: WEIGHT, preference: refer('NodeSelectorTerm') }, 'weight', 'preference'),
  PodAffinity: podAffinity,
  PodAntiAffinity: podAffinity,
  WeightedPodAffinityTerm: closed(
    { weight: WEIGHT, podAffinityTerm: refer('PodAffinityTerm') },
    'weight',
    'podAffinityTerm',
  ),
  PodAffinityTerm: closed(
    {
      labelSelector: refer('LabelSelector'),
      matchLabelKeys: listOf(text),
      mismatchLabelKeys: listOf(text),
      namespaceSelector: refer('LabelSelector'),
      namespaces: listOf(text),
      topologyKey: text,
    },
    'topologyKey',
  ),
};

const security: Definitions = {
  AppArmorProfile: closed({ type: oneOf('RuntimeDefault', 'Localhost', 'Unconfined'), localhostProfile: text }, 'type'),
  SeccompProfile: closed({ type: oneOf('RuntimeDefault', 'Localhost', 'Unconfined'), localhostProfile: text }, 'type'),
  SELinuxOptions: closed({ user: text, role: text, type: text, level: text }),
  Capabilities: closed({ add: listOf(text), drop: listOf(text) }),
  SecurityContext: closed({
    allowPrivilegeEscalation: flag,
    appArmorProfile: refer('AppArmorProfile'),
    capabilities: refer('Capabilities'),
    privileged: flag,
    procMount: oneOf('Default', 'Unmasked'),
    readOnlyRootFilesystem: flag,
    runAsGroup: USER_ID,
    runAsNonRoot: flag,
    runAsUser: USER_ID,
    seLinuxOptions: refer('SELinuxOptions'),
    seccompProfile: refer('SeccompProfile'),
  }),
  PodSecurityContext: closed({
    appArmorProfile: refer('AppArmorProfile'),
    fsGroup: USER_ID,
    fsGroupChangePolicy: oneOf('OnRootMismatch', 'Always'),
    runAsGroup: USER_ID,
    runAsNonRoot: flag,
    runAsUser: USER_ID,
    seLinuxChangePolicy: oneOf('Recursive', 'MountOption'),
    seLinuxOptions: refer('SELinuxOptions'),
    seccompProfile: refer('SeccompProfile'),
    supplementalGroups: listOf(USER_ID),
    supplementalGroupsPolicy: oneOf('Merge', 'Strict'),
    sysctls: listOf(refer('Sysctl')),
  }),
  Sysctl: closed({ name: text, value: text }, 'name', 'value'),
};

const container: Definitions = {
  EnvVarSource: closed({
    configMapKeyRef: refer('ConfigMapKeySelector'),
    fieldRef: refer('ObjectFieldSelector'),
    fileKeyRef: refer('FileKeySelector'),
    resourceFieldRef: refer('ResourceFieldSelector'),
    secretKeyRef: refer('SecretKeySelector'),
  }),
  ConfigMapKeySelector: closed({ name: text, key: text, optional: flag }, 'key'),
  SecretKeySelector: closed({ name: text, key: text, optional: flag }, 'key'),
  ObjectFieldSelector: closed({ apiVersion: text, fieldPath: text }, 'fieldPath'),
  FileKeySelector: closed({ volumeName: text, path: text, key: text, optional: flag }, 'volumeName', 'path', 'key'),
  ResourceFieldSelector: closed({ containerName: text, resource: text, divisor: refer('Quantity') }, 'resource'),
  VolumeMount: closed(
    {
      name: text,
      mountPath: text,
      bindMountOptions: listOf(text),
      mountPropagation: oneOf('None', 'HostToContainer', 'Bidirectional'),
      readOnly: flag,
      recursiveReadOnly: oneOf('Disabled', 'IfPossible', 'Enabled'),
      subPath: text,
      subPathExpr: text,
    },
    'name',
    'mountPath',
  ),
};

const updates: Definitions = {
  DaemonSetUpdateStrategy: closed({
    type: oneOf('RollingUpdate', 'OnDelete'),
    rollingUpdate: refer('RollingUpdateDaemonSet'),
  }),
  RollingUpdateDaemonSet: closed({ maxSurge: refer('IntOrString'), maxUnavailable: refer('IntOrString') }),
};

const network: Definitions = {
  NetworkPolicyPeer: closed({
    podSelector: refer('LabelSelector'),
    namespaceSelector: refer('LabelSelector'),
    ipBlock: refer('IPBlock'),
  }),
  IPBlock: closed({ cidr: text, except: listOf(text) }, 'cidr'),
  NetworkPolicyEgressRule: closed({
    ports: listOf(refer('NetworkPolicyPort')),
    to: listOf(refer('NetworkPolicyPeer')),
  }),
  NetworkPolicyPort: closed({
    port: { type: ['integer', 'string'] },
    endPort: whole,
    protocol: oneOf('TCP', 'UDP', 'SCTP'),
  }),
};

/** Every type but those of volumes, which volume-types.ts has. */
export const podTypes: Definitions = {
  ...values,
  ...selectors,
  ...scheduling,
  ...security,
  ...container,
  ...updates,
  ...network,
};

/** Definitions of this file that Kubernetes does not have under that name. */
export const OWN_DEFINITIONS: readonly string[] = ['Quantity', 'IntOrString', 'Labels', 'Annotations', 'ResourceList'];
