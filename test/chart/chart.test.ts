import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { CHART } from '../../hack/helm.ts';
import { describeMetrics } from '../../src/metrics/describe-metrics.ts';
import { findObjectProblems, findOpenApi } from './openapi.ts';
import { findKind, helmPath, pick, type RenderOptions, render, skipChart } from './render.ts';

const options = { skip: skipChart };
const openApi = findOpenApi();
const skipOpenApi = 'missing' in openApi ? openApi.missing : false;
const openApiDirectory = 'directory' in openApi ? openApi.directory : '';
const CONTAINER = 'spec.template.spec.containers.0';

function renderPod(settings: RenderOptions = {}): { daemonSet: unknown; args: string[]; container: unknown } {
  const daemonSet = findKind(render(settings), 'DaemonSet');
  return { daemonSet, args: pick(daemonSet, `${CONTAINER}.args`) as string[], container: pick(daemonSet, CONTAINER) };
}

test('helm lint finds nothing in the chart', options, () => {
  const lint = spawnSync(helmPath, ['lint', '--strict', '--kube-version', '1.37.0', CHART], { encoding: 'utf8' });
  assert.equal(lint.status, 0, lint.stdout + lint.stderr);
});

const enableMetrics = (...kinds: string[]) => kinds.map((kind) => `metrics.${kind}.create=true`);
const variants: Readonly<Record<string, readonly string[]>> = {
  'no value set': [],
  'every object created': [
    ...enableMetrics('podMonitor', 'service', 'prometheusRule', 'dashboard'),
    'driverConfig.reservedCPUs=0-1',
    'args.exposePCIeRoots=true',
    'openshift.securityContextConstraints.create=true',
    'networkPolicy.create=true',
    'networkPolicy.from[0].namespaceSelector.matchLabels.a=b',
    'networkPolicy.egress[0].ports[0].port=6443',
    'nodeGroups[0].name=dpdk',
    'nodeGroups[0].nodeSelector.pool=dpdk',
    'serviceAccount.annotations.a=b',
  ],
  'a ServiceMonitor instead of a PodMonitor': enableMetrics('serviceMonitor'),
  'the pod changed': [
    'nodeSelector.a=b',
    'podLabels.app=dracpu',
    'podAnnotations.a=b',
    'imagePullSecrets[0].name=a',
    'affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key=a',
    'affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].operator=Exists',
    'extraEnv[0].name=A',
    'extraArgs[0]=--vmodule=nri=6',
    'extraVolumes[0].name=a',
    'extraVolumes[0].configMap.name=a',
    'extraVolumeMounts[0].name=a',
    'extraVolumeMounts[0].mountPath=/a',
    'resources.limits.memory=200Mi',
    'hostNetwork=true',
    'securityContext.seLinuxOptions.type=spc_t',
  ],
};

for (const [title, set] of Object.entries(variants)) {
  test(`the chart makes objects as Kubernetes' OpenAPI documents have them, ${title}`, {
    skip: skipChart || skipOpenApi,
  }, () => {
    const objects = render({ set });
    assert.ok(objects.length >= 7);
    assert.deepEqual(
      objects.flatMap((object) => findObjectProblems(openApiDirectory, object)),
      [],
    );
  });
}

test('findObjectProblems names unknown fields, wrong types and absent fields', { skip: skipOpenApi }, () => {
  const rule = { apiGroups: [''], resources: 'pods', verb: ['get'] };
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'a' },
    rules: [rule],
  };
  assert.deepEqual(findObjectProblems(openApiDirectory, role), [
    'ClusterRole.rules[0].verbs: is required',
    'ClusterRole.rules[0].resources: is "pods", want array',
    'ClusterRole.rules[0].verb: unknown field',
  ]);
});

test('C9: the pod has no capability, no host namespace and nothing to write to but its mounts', options, () => {
  const { daemonSet, container } = renderPod();
  assert.deepEqual(pick(container, 'securityContext'), {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    privileged: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: false,
    runAsUser: 0,
  });
  assert.deepEqual(pick(daemonSet, 'spec.template.spec.securityContext'), {
    seccompProfile: { type: 'RuntimeDefault' },
  });
  const mounts = pick(container, 'volumeMounts') as { name: string; readOnly?: boolean }[];
  const writable = mounts.filter(({ readOnly }) => !readOnly).map(({ name }) => name);
  assert.deepEqual(writable, ['device-plugin', 'plugin-registry', 'nri-plugin', 'cdi-dir']);
  for (const key of ['hostNetwork', 'hostPID', 'hostIPC'])
    assert.equal(pick(daemonSet, `spec.template.spec.${key}`), undefined);
});

test('the role reads pods only for gatherPods', options, () => {
  const rules = pick(findKind(render({ set: ['rbac.gatherPods=true'] }), 'ClusterRole'), 'rules') as object[];
  assert.deepEqual(rules.at(-1), { apiGroups: [''], resources: ['pods'], verbs: ['list'] });
});

test('C8: the role has no wildcard, no secret, no pod and names the driver where it can', options, () => {
  type Rule = { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] };
  const rules = pick(findKind(render(), 'ClusterRole'), 'rules') as Rule[];
  const rights = rules.flatMap(({ apiGroups, resources, verbs, resourceNames }) =>
    resources.map((name) => `${apiGroups.join()}/${name}: ${[...verbs, ...(resourceNames ?? [])].join()}`),
  );
  assert.deepEqual(rights, [
    '/nodes: get',
    'resource.k8s.io/resourceslices: get,list,watch,create,update,delete',
    'resource.k8s.io/resourceclaims: get,list',
    'resource.k8s.io/resourceclaims/status: patch',
    'resource.k8s.io/resourceclaims/driver: associated-node:patch,dra.cpu',
    '/events: create,patch',
    'resource.k8s.io/deviceclasses: list',
  ]);
});

test('C8: an admission policy keeps the service account to slices of its own node', options, () => {
  const objects = render({ set: ['fullnameOverride=dracpu'] });
  const policy = findKind(objects, 'ValidatingAdmissionPolicy');
  assert.equal(
    pick(policy, 'spec.matchConditions.0.expression'),
    'request.userInfo.username == "system:serviceaccount:kube-system:dracpu"',
  );
  assert.deepEqual(pick(policy, 'spec.matchConstraints.resourceRules.0.operations'), ['CREATE', 'UPDATE', 'DELETE']);
  const binding = findKind(objects, 'ValidatingAdmissionPolicyBinding');
  assert.equal(pick(binding, 'spec.policyName'), policy?.metadata.name);
  assert.deepEqual(pick(binding, 'spec.validationActions'), ['Deny']);
});

test('no admission policy is made with hostnameOverride, which writes under another name', options, () => {
  const objects = render({ set: ['driverConfig.hostnameOverride=other'] });
  assert.equal(findKind(objects, 'ValidatingAdmissionPolicy'), undefined);
});

test('a new pod starts beside the old one where their ports and sockets can differ', options, () => {
  const surge = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
  const oneByOne = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } };
  const podVariables = ['NODE_NAME', 'POD_NAMESPACE', 'POD_NAME'];
  const root45 = `/${'k'.repeat(44)}`;
  for (const [set, strategy] of [
    [[], surge],
    [[`kubeletRootDir=${root45}`], surge],
    [[`kubeletRootDir=${root45}k`], oneByOne],
    [['hostNetwork=true'], oneByOne],
  ] as const) {
    const { daemonSet, container } = renderPod({ set });
    assert.deepEqual(pick(daemonSet, 'spec.updateStrategy'), strategy, set.join());
    const names = (pick(container, 'env') as { name: string }[]).map(({ name }) => name);
    assert.deepEqual(names, [...podVariables, ...(strategy === surge ? ['POD_UID'] : [])], set.join());
  }
});

test('probes are /livez and /readyz, or the one path that healthzPath names', options, () => {
  const readPaths = (set: readonly string[]) =>
    ['startupProbe', 'livenessProbe', 'readinessProbe'].map((probe) =>
      pick(renderPod({ set }).container, `${probe}.httpGet.path`),
    );
  assert.deepEqual(readPaths([]), ['/livez', '/livez', '/readyz']);
  assert.deepEqual(readPaths(['healthzPath=/healthz']), ['/healthz', '/healthz', '/healthz']);
});

test('paths of the node are mounted where the flags say', options, () => {
  const set = ['kubeletRootDir=/data//kubelet/', 'nriSocket=/run/my-nri/nri.sock', 'cdiDir=/run/cdi'];
  const { daemonSet, args, container } = renderPod({ set });
  assert.deepEqual(args.slice(-3), [
    '--kubelet-root-dir=/data/kubelet',
    '--nri-socket=/run/my-nri/nri.sock',
    '--cdi-dir=/run/cdi',
  ]);
  const mounted = (pick(container, 'volumeMounts') as { mountPath: string }[]).map(({ mountPath }) => mountPath);
  assert.deepEqual(mounted, [
    '/data/kubelet/plugins',
    '/data/kubelet/plugins_registry',
    '/run/my-nri',
    '/run/cdi',
    '/sys/fs/cgroup',
    '/data/kubelet/cpu_manager_state',
  ]);
  const paths = pick(daemonSet, 'spec.template.spec.volumes') as { hostPath: { path: string } }[];
  assert.deepEqual(
    paths.map(({ hostPath }) => hostPath.path),
    mounted,
  );
});

test('deprecated values of args win over driverConfig and end up in the configuration file', options, () => {
  const set = ['args.cpuDeviceMode=individual', 'driverConfig.cpuDeviceMode=grouped', 'driverConfig.groupBy=socket'];
  const objects = render({ set });
  const text = pick(findKind(objects, 'ConfigMap'), 'data') as Record<string, string>;
  assert.deepEqual(parse(text['config.yaml'] ?? ''), { cpuDeviceMode: 'individual', groupBy: 'socket' });
  assert.ok(
    (pick(findKind(objects, 'DaemonSet'), `${CONTAINER}.args`) as string[]).includes(
      '--config=/etc/dracpu/config.yaml',
    ),
  );
  assert.equal(findKind(render(), 'ConfigMap'), undefined);
});

test('logLevel 0 is a level', options, () => {
  assert.ok(renderPod({ set: ['args.logLevel=0'] }).args.includes('--v=0'));
});

test(
  'a release upgraded with --reuse-values, which has none of the newer values, is as hard as a new one',
  options,
  (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'chart-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const values = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as Record<string, unknown>;
    const kept = new Set(['image', 'resources', 'tolerations', 'args', 'nameOverride', 'fullnameOverride']);
    const absent = Object.keys(values).filter((key) => !kept.has(key));
    const file = join(directory, 'absent.yaml');
    writeFileSync(file, absent.map((key) => `${key}: null\n`).join(''));
    assert.deepEqual(render({ options: ['--values', file] }), render());
  },
);

test('the dashboard is found by its label and asks for metrics that the driver has', options, () => {
  const maps = render({ set: ['metrics.dashboard.create=true'] }).filter(({ kind }) => kind === 'ConfigMap');
  assert.deepEqual(
    maps.map(({ metadata }) => [metadata.name, metadata.labels?.['grafana_dashboard']]),
    [['dra-driver-cpu-dashboard', '1']],
  );
  const { data } = maps[0] as unknown as { data: Record<string, string> };
  const dashboard = JSON.parse(data['dra-driver-cpu.json'] ?? '') as { panels: { targets: { expr: string }[] }[] };
  const used = dashboard.panels.flatMap(({ targets }) =>
    targets.flatMap(({ expr }) => expr.match(/dra_cpu_\w+/g) ?? []),
  );
  const names = describeMetrics().map(({ name }) => name);
  assert.ok(used.length >= 9);
  assert.deepEqual(
    used.filter((name) => !names.includes(name.replace(/_bucket$/, ''))),
    [],
  );
});

test('chart, app and package have one version', () => {
  const chart = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as { version: string; appVersion: string };
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  assert.deepEqual([chart.version, chart.appVersion], [version, `v${version}`]);
});
