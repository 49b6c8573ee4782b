/** Values that the chart refuses, each tried with the real Helm, and values near them that it takes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { JsonSchema } from '../../hack/chart-schema/json-schema.ts';
import { CHART } from '../../hack/helm.ts';
import { refuses, render, skipChart } from './render.ts';

const options = { skip: skipChart };

interface Refusal {
  readonly set: readonly string[];
  /** As with `--set-json`, for values that `--set` cannot write. */
  readonly json?: string;
  readonly message: RegExp;
}

const unknown = (set: string, key: string): Refusal => ({
  set: [set],
  message: new RegExp(`additional propert.*'${key}' not allowed`),
});

/** A misspelled or unknown value at each level. */
const misspelled: readonly Refusal[] = [
  unknown('healthzPrt=1', 'healthzPrt'),
  unknown('kubeletrootdir=/a', 'kubeletrootdir'),
  unknown('image.tagg=a', 'tagg'),
  unknown('rbac.created=true', 'created'),
  unknown('serviceAccount.nam=a', 'nam'),
  unknown('admissionPolicy.craete=false', 'craete'),
  unknown('networkPolicy.ingress=a', 'ingress'),
  unknown('networkPolicy.from[0].podSelecter.a=b', 'podSelecter'),
  unknown('networkPolicy.egress[0].port=1', 'port'),
  unknown('openshift.scc=true', 'scc'),
  unknown('openshift.securityContextConstraints.created=true', 'created'),
  unknown('updateStrategy.rollingUpdate.maxUnavailble=1', 'maxUnavailble'),
  unknown('resources.request.cpu=1', 'request'),
  unknown('resources.limits.memroy=1Gi', 'memroy'),
  unknown('tolerations[0].efect=NoSchedule', 'efect'),
  unknown('affinity.nodeAfinity.a=b', 'nodeAfinity'),
  unknown('affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologykey=a', 'topologykey'),
  unknown('podSecurityContext.runAsuser=1', 'runAsuser'),
  unknown('securityContext.capabilities.dropp[0]=ALL', 'dropp'),
  unknown('securityContext.seLinuxOptions.typ=spc_t', 'typ'),
  unknown('imagePullSecrets[0].nam=a', 'nam'),
  unknown('extraEnv[0].valu=a', 'valu'),
  unknown('extraVolumeMounts[0].mountpath=/a', 'mountpath'),
  unknown('extraVolumes[0].configmap.name=a', 'configmap'),
  unknown('extraVolumes[0].configMap.nam=a', 'nam'),
  unknown('nodeGroups[0].nodeSelecter.a=b', 'nodeSelecter'),
  unknown('nodeGroups[0].driverConfig.reservedCpus=0', 'reservedCpus'),
  unknown('args.loglevel=1', 'loglevel'),
  unknown('driverConfig.reservedCpus=0', 'reservedCpus'),
  unknown('metrics.podMonitors.create=true', 'podMonitors'),
  unknown('metrics.prometheusRule.runbook=a', 'runbook'),
];

const value = (set: string, message: RegExp): Refusal => ({ set: [set], message });

/** Values that the driver refuses at its start. */
const refusedByDriver: readonly Refusal[] = [
  value('driverConfig.apiVersion=v1', /apiVersion.*'v1alpha1'/),
  value('driverConfig.reservedCPUs=0-zz', /reservedCPUs.*does not match pattern/),
  value('driverConfig.reservedCPUs=0-7:1/2', /reservedCPUs.*does not match pattern/),
  value('driverConfig.reservedCPUs=0 1', /reservedCPUs.*does not match pattern/),
  value('driverConfig.reservedCPUs=7-5', /Cannot use driverConfig\.reservedCPUs "7-5": the range "7-5" is reversed/),
  value('driverConfig.reservedCPUs=0-70000', /the highest number of a CPU is 65535/),
  { set: [], json: 'driverConfig.reservedCPUs=3', message: /reservedCPUs.*got number, want string/ },
  value('args.reservedCPUs=0-zz', /args\/reservedCPUs.*does not match pattern/),
  value('args.reservedCPUs=010-9', /the range "010-9" is reversed/),
  value('nodeGroups[0].driverConfig.reservedCPUs=a', /nodeGroups\/0\/driverConfig\/reservedCPUs/),
  value('driverConfig.hostnameOverride=node_1', /hostnameOverride.*does not match pattern/),
  value('args.hostnameOverride=-a', /hostnameOverride.*does not match pattern/),
  value('driverConfig.cpuDeviceMode=single', /cpuDeviceMode.*'individual'/),
  value('driverConfig.groupBy=core', /groupBy.*'l3cache'/),
  value('args.groupBy=core', /groupBy.*'l3cache'/),
  value('driverConfig.machinePlacement=manual', /machinePlacement.*'auto'/),
  value('driverConfig.fullPhysicalCores=yes', /fullPhysicalCores.*want boolean/),
  value('driverConfig.publishNodeAllocatableResourceMapping=1', /publishNodeAllocatableResourceMapping.*want boolean/),
  value('driverConfig.sharedPoolMinCPUs=-1', /sharedPoolMinCPUs.*minimum/),
  value('driverConfig.sharedPoolMinCPUs=8193', /sharedPoolMinCPUs.*maximum/),
  value('driverConfig.claimSharing=all', /claimSharing.*'pod'/),
  value('driverConfig.unsolicitedUpdates=on', /unsolicitedUpdates.*'always'/),
  value('driverConfig.startJitterSeconds=86401', /startJitterSeconds.*maximum/),
  value('driverConfig.logFormat=yaml', /logFormat.*'json'/),
  value('args.logLevel=-1', /logLevel.*minimum/),
  value('args.logLevel=2147483648', /logLevel.*maximum/),
  value('extraArgs[0]=--reserved-cpu=0', /extraArgs\/0.*does not match pattern/),
  value('extraArgs[0]=--reserved-cpus=0-zz', /extraArgs\/0.*does not match pattern/),
  value('extraArgs[0]=--group-by=core', /extraArgs\/0.*does not match pattern/),
  value('extraArgs[0]=--vmodule=nri', /extraArgs\/0.*does not match pattern/),
  value('extraArgs[0]=---v=4', /extraArgs\/0.*does not match pattern/),
  value('extraArgs[0]=vmodule=nri', /Cannot use extraArgs: "vmodule=nri" is not a flag/),
  { set: ['extraEnv[0].name=HOST_ROOT', 'extraEnv[0].value=host'], message: /extraEnv\/0\/value.*pattern/ },
  value('kubeletRootDir=var', /kubeletRootDir.*does not match pattern/),
  value('kubeletRootDir=/var ', /white space/),
  value(`kubeletRootDir=/${'k'.repeat(73)}`, /has 108 bytes/),
  value('nriSocket=nri.sock', /nriSocket.*does not match pattern/),
  value('nriSocket=/run/nri/', /nriSocket.*does not match pattern/),
  value('cdiDir=cdi', /cdiDir.*does not match pattern/),
  value('healthzPort=65536', /healthzPort.*maximum/),
  value('healthzPath=/health', /healthzPath.*'\/readyz'/),
];

/** Values that Kubernetes, a registry or Prometheus refuses. */
const refusedByOthers: readonly Refusal[] = [
  value('image.digest=sha256:12', /image\/digest.*does not match pattern/),
  value('image.tag=a/b', /image\/tag.*does not match pattern/),
  value('image.repository=a:v1', /image\/repository.*does not match pattern/),
  value('image.pullPolicy=Sometimes', /pullPolicy.*'IfNotPresent'/),
  value('updateStrategy.type=Foo', /updateStrategy\/type.*'OnDelete'/),
  value('updateStrategy.rollingUpdate.maxUnavailable=half', /maxUnavailable.*does not match pattern/),
  value('updateStrategy.rollingUpdate.maxUnavailable=0', /without maxSurge/),
  { set: ['updateStrategy.type=OnDelete', 'updateStrategy.rollingUpdate.maxSurge=1'], message: /with type OnDelete/ },
  {
    set: ['updateStrategy.rollingUpdate.maxSurge=1', 'updateStrategy.rollingUpdate.maxUnavailable=1'],
    message: /Cannot set both maxSurge and maxUnavailable/,
  },
  { set: ['hostNetwork=true', 'updateStrategy.rollingUpdate.maxSurge=1'], message: /cannot run side by side/ },
  {
    set: ['hostNetwork=true', 'networkPolicy.create=true'],
    message: /do not apply to pods on the network of the node/,
  },
  { set: ['serviceAccount.create=false'], message: /without serviceAccount\.name/ },
  value('serviceAccount.name=A_b', /serviceAccount\/name.*does not match pattern/),
  value('fullnameOverride=A', /fullnameOverride.*does not match pattern/),
  value('nodeSelector.kubernetes\\.io/os=windows', /nodeSelector.*must be 'linux'/),
  { set: [], json: 'nodeSelector.a=1', message: /nodeSelector\/a.*got number, want string/ },
  value('podLabels.app\\.kubernetes\\.io/name=a', /podLabels/),
  value('podLabels.a=-', /podLabels\/a.*does not match pattern/),
  value('resources.limits.memory=1GB', /resources\/limits\/memory.*does not match pattern/),
  value('tolerations[0].effect=NoRun', /effect.*'NoExecute'/),
  value('tolerations[0].operator=Is', /operator.*'Exists'/),
  value('extraEnv[0].value=a', /extraEnv\/0.*missing property 'name'/),
  value('securityContext.runAsUser=-1', /runAsUser.*minimum/),
  {
    set: ['metrics.podMonitor.create=true', 'metrics.serviceMonitor.create=true'],
    message: /Cannot set both metrics\.podMonitor\.create and metrics\.serviceMonitor\.create/,
  },
  value('metrics.podMonitor.interval=often', /interval.*does not match pattern/),
  value('metrics.prometheusRule.disabled[0]=DraCpuDrifft', /disabled\/0.*'DraCpuDrift'/),
  value('metrics.prometheusRule.runbookBaseUrl=docs', /runbookBaseUrl.*does not match pattern/),
];

for (const [kind, refusals] of Object.entries({ misspelled, refusedByDriver, refusedByOthers })) {
  describe(`the chart refuses values, ${kind}`, options, () => {
    for (const { set, json, message } of refusals) {
      test([...set, json].join(' '), () => refuses({ set, options: json ? ['--set-json', json] : [] }, message));
    }
  });
}

const accepted: readonly (readonly string[])[] = [
  ['global.anything.at=all'],
  ['x-common.a=b'],
  ['driverConfig.reservedCPUs=0-1\\,64-65'],
  ['driverConfig.reservedCPUs='],
  ['driverConfig.hostnameOverride=Node-1.example.com'],
  ['driverConfig.startJitterSeconds=0', 'driverConfig.sharedPoolMinCPUs=8192'],
  ['extraArgs[0]=-vmodule', 'extraArgs[1]=nri=6\\,kubelet=2', 'extraArgs[2]=--log-format=json'],
  ['image.repository=[::1]:5000/team/dra-driver-cpu', 'image.tag=v0.1.0_a'],
  ['updateStrategy.type=OnDelete'],
  ['updateStrategy.rollingUpdate.maxSurge=25%', 'updateStrategy.rollingUpdate.maxUnavailable=0'],
  ['hostNetwork=true', 'updateStrategy.rollingUpdate.maxSurge=0', 'updateStrategy.rollingUpdate.maxUnavailable=10%'],
  ['nodeSelector.kubernetes\\.io/os=linux', 'nodeSelector.node-role\\.kubernetes\\.io/worker='],
  ['resources.limits.memory=null', 'resources.limits.hugepages-2Mi=4Mi', 'resources.requests.cpu=0.5'],
  ['metrics.podMonitor.create=true', 'metrics.podMonitor.interval=1m30s'],
];

for (const set of accepted) {
  test(`the chart accepts ${set.join(' ')}`, options, () => assert.ok(render({ set }).length >= 6));
}

const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as JsonSchema & {
  readonly $defs: Record<string, JsonSchema>;
};

/** The paths of objects in a schema whose keys are neither listed nor keys of a map. */
function listOpenObjects(path: string, at: JsonSchema): string[] {
  const { properties = {}, additionalProperties, items, $ref, allOf } = at;
  const isObject = at.type === 'object' && !$ref && !allOf;
  const isOpen = isObject && (additionalProperties === undefined || additionalProperties === true);
  const inside = Object.entries(properties).flatMap(([key, part]) =>
    typeof part === 'boolean' ? [] : listOpenObjects(`${path}.${key}`, part),
  );
  return [...(isOpen ? [path] : []), ...inside, ...(items ? listOpenObjects(`${path}[]`, items) : [])];
}

test('no object of the schema takes keys that it does not name, but global and x-', () => {
  const roots = { '': schema, ...schema.$defs };
  assert.deepEqual(
    Object.entries(roots).flatMap(([name, root]) => listOpenObjects(name, root)),
    ['.global'],
  );
});
