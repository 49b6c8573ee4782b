/**
 * The chart beside that of kubernetes-sigs/dra-driver-cpu: for the same values both make the same objects but for the
 * differences that are meant, which are all named here and explained in docs/tasks/migrate.md. `DRACPU_REFERENCE_DIR` is a
 * checkout of the reference (compared with de98098).
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import type { ApiObject } from './openapi.ts';
import { render, skipChart } from './render.ts';

const checkout = process.env.DRACPU_REFERENCE_DIR;
const skip = skipChart || (checkout === undefined ? 'DRACPU_REFERENCE_DIR names no checkout of the reference' : false);

/** Values as users of the reference have them, from its documentation and its continuous integration. */
const valueFiles: Readonly<Record<string, object>> = {
  none: {},
  'continuous integration': {
    fullnameOverride: 'dracpu',
    podLabels: { app: 'dracpu' },
    image: { repository: 'dev.kind.local/ci/dra-driver-cpu', tag: 'v1', pullPolicy: 'IfNotPresent' },
    args: { logLevel: 6, cpuDeviceMode: 'grouped', groupBy: 'numanode', reservedCPUs: '0', exposePCIeRoots: true },
    driverConfig: { publishNodeAllocatableResourceMapping: true },
  },
  individual: { args: { cpuDeviceMode: 'individual', reservedCPUs: '0-1' } },
  'the configuration file': {
    driverConfig: {
      apiVersion: 'v1alpha1',
      cpuDeviceMode: 'grouped',
      groupBy: 'machine',
      reservedCPUs: '0-3',
      kubeconfig: '/a',
    },
  },
  'another root': { kubeletRootDir: '/data/kubelet/', healthzPort: 9090, healthzPath: '/healthz' },
  'the overlay example': {
    args: { exposePCIeRoots: true, hostnameOverride: 'other' },
    driverConfig: { sysfsOverlay: '/etc/dra-driver-cpu/sysfs-overlay.yaml' },
    extraVolumeMounts: [
      { name: 'o', mountPath: '/etc/dra-driver-cpu/sysfs-overlay.yaml', subPath: 'sysfs-overlay.yaml' },
    ],
    extraVolumes: [{ name: 'o', configMap: { name: 'o' } }],
  },
  'every value about objects': {
    nameOverride: 'cpus',
    imagePullSecrets: [{ name: 'pull' }],
    rbac: { create: false },
    serviceAccount: { annotations: { a: 'b' } },
    podAnnotations: { a: 'b' },
    podLabels: { a: 'b' },
    resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '2Gi' } },
    tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
    nodeSelector: { a: 'b' },
    affinity: { podAffinity: {} },
  },
};

/** Where the two may differ, whatever the values; "*" stands for any one step. */
const meant: readonly string[] = [
  // Version and image are each project's own.
  '*.metadata.labels.helm.sh/chart',
  '*.metadata.labels.app.kubernetes.io/version',
  'DaemonSet.spec.template.metadata.labels.helm.sh/chart',
  'DaemonSet.spec.template.metadata.labels.app.kubernetes.io/version',
  'DaemonSet.spec.template.spec.containers.dracpu.image',
  'DaemonSet.spec.template.metadata.annotations.checksum/config',
  // Pods of all node groups are selected by one label, and run on Linux.
  'DaemonSet.spec.template.metadata.labels.dra.cpu/release',
  'DaemonSet.spec.template.spec.nodeSelector.kubernetes.io/os',
  // The class has labels.
  'DeviceClass.metadata.labels',
  // Rights: only what is asked for.
  'ClusterRole.rules',
  // The pod: no host network, no rights, room for a rolling update without a gap, own probes, memory that fits.
  'DaemonSet.spec.updateStrategy',
  'DaemonSet.spec.template.spec.hostNetwork',
  'DaemonSet.spec.template.spec.securityContext',
  'DaemonSet.spec.template.spec.containers.dracpu.securityContext',
  'DaemonSet.spec.template.spec.containers.dracpu.env',
  'DaemonSet.spec.template.spec.containers.dracpu.startupProbe',
  'DaemonSet.spec.template.spec.containers.dracpu.livenessProbe',
  'DaemonSet.spec.template.spec.containers.dracpu.readinessProbe',
  'DaemonSet.spec.template.spec.containers.dracpu.ports.healthz.protocol',
  'DaemonSet.spec.template.spec.containers.dracpu.resources.requests.memory',
  'DaemonSet.spec.template.spec.containers.dracpu.resources.limits',
  'DaemonSet.spec.template.spec.volumes.*.hostPath.type',
  // What the kubelet's own CPU manager does, and which CPUs containers have.
  'DaemonSet.spec.template.spec.volumes.cgroup',
  'DaemonSet.spec.template.spec.containers.dracpu.volumeMounts.cgroup',
  'DaemonSet.spec.template.spec.volumes.cpu-manager-state',
  'DaemonSet.spec.template.spec.containers.dracpu.volumeMounts.cpu-manager-state',
  // Only ours.
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
];

const isMeant = (path: string) =>
  meant.some((each) =>
    new RegExp(`^${each.replace(/[.+?^$()|]/g, '\\$&').replaceAll('*', '[^.]+')}(\\.|$)`).test(path),
  );

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Volumes and mounts by their names, since their order says nothing. */
function keyByName(value: Record<string, unknown>): Record<string, unknown> {
  if (!Array.isArray(value) || !value.every((item) => isMap(item) && typeof item.name === 'string')) return value;
  return Object.fromEntries((value as { name: string }[]).map((item) => [item.name, item]));
}

function listDifferences(path: string, left: unknown, right: unknown): string[] {
  // An empty map and none are the same to Kubernetes.
  if (left === null && right === undefined) return [];
  if (left === undefined && isMap(right) && !Array.isArray(right)) return listDifferences(path, {}, right);
  if (!isMap(left) || !isMap(right)) {
    return left === right ? [] : [`${path}: ${JSON.stringify(left)} there, ${JSON.stringify(right)} here`];
  }
  const [there, here] = [keyByName(left), keyByName(right)];
  const keys = new Set([...Object.keys(there), ...Object.keys(here)]);
  return [...keys].flatMap((key) => listDifferences(`${path}.${key}`, there[key], here[key]));
}

function compareObjects(theirs: readonly ApiObject[], ours: readonly ApiObject[]): string[] {
  const kinds = new Set([...theirs, ...ours].map(({ kind }) => kind));
  return [...kinds]
    .flatMap((kind) =>
      listDifferences(
        kind,
        ...([theirs, ours].map((all) => all.find((each) => each.kind === kind)) as [unknown, unknown]),
      ),
    )
    .filter((line) => !isMeant(line.slice(0, line.indexOf(': '))));
}

for (const [title, values] of Object.entries(valueFiles)) {
  test(`the chart makes what the reference's makes but for what is meant, values: ${title}`, { skip }, (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'chart-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'values.yaml');
    writeFileSync(file, stringify(values));
    const options = ['--values', file];
    const chart = join(checkout ?? '', 'deployment/helm/dra-driver-cpu');
    assert.deepEqual(compareObjects(render({ chart, options }), render({ options })), []);
  });
}

test('every value of the default values of the reference is accepted', { skip }, () => {
  const theirs = join(checkout ?? '', 'deployment/helm/dra-driver-cpu/values.yaml');
  assert.ok(render({ options: ['--values', theirs] }).length > 0);
});
