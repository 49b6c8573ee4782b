/** The DaemonSets of nodeGroups: every node is in one of them, with the configuration of its group. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import type { ApiObject } from './openapi.ts';
import { filterKind, findKind, pick, refuses, render, skipChart } from './render.ts';

const options = { skip: skipChart };

type Labels = Readonly<Record<string, string>>;

interface Expression {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

interface Group {
  readonly name: string;
  readonly nodeSelector: Labels;
  readonly driverConfig?: object;
}

/** A node affinity's rule as the scheduler reads it (component-helpers, nodeaffinity). */
function holds({ key, operator, values = [] }: Expression, labels: Labels): boolean {
  const value = labels[key];
  if (operator === 'In') return value !== undefined && values.includes(value);
  if (operator === 'NotIn') return value === undefined || !values.includes(value);
  if (operator === 'Exists') return value !== undefined;
  assert.equal(operator, 'DoesNotExist');
  return value === undefined;
}

/** Whether a DaemonSet runs a pod on a node with these labels. */
function matches(daemonSet: ApiObject, labels: Labels): boolean {
  const spec = pick(daemonSet, 'spec.template.spec');
  const selector = pick(spec, 'nodeSelector') as Labels;
  const path = 'affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  const terms = (pick(spec, path) ?? [{ matchExpressions: [] }]) as { matchExpressions: Expression[] }[];
  return (
    Object.entries(selector).every(([key, value]) => labels[key] === value) &&
    terms.some(({ matchExpressions }) => matchExpressions.every((expression) => holds(expression, labels)))
  );
}

const renderGroups = (groups: readonly Group[], set: readonly string[] = []) =>
  render({ set, options: ['--set-json', `nodeGroups=${JSON.stringify(groups)}`] });

/** The names of the DaemonSets that run a pod on a Linux node with these labels. */
function placeNode(objects: readonly ApiObject[], labels: Labels): string[] {
  const node = { 'kubernetes.io/os': 'linux', ...labels };
  return filterKind(objects, 'DaemonSet').flatMap((each) => (matches(each, node) ? [each.metadata.name] : []));
}

function readConfig(objects: readonly ApiObject[], name: string): unknown {
  const map = filterKind(objects, 'ConfigMap').find(({ metadata }) => metadata.name === name);
  return map && parse((pick(map, 'data') as Record<string, string>)['config.yaml'] ?? '');
}

const dpdk: Group = { name: 'dpdk', nodeSelector: { pool: 'dpdk' }, driverConfig: { groupBy: 'socket' } };
const batch: Group = { name: 'batch', nodeSelector: { pool: 'batch' }, driverConfig: { reservedCPUs: '' } };

describe('nodeGroups', options, () => {
  test('each group has a DaemonSet and a ConfigMap; nodes of no group have the default', () => {
    const objects = renderGroups([dpdk, batch], ['driverConfig.reservedCPUs=0-1']);
    assert.deepEqual(placeNode(objects, {}), ['dra-driver-cpu']);
    assert.deepEqual(placeNode(objects, { pool: 'other' }), ['dra-driver-cpu']);
    assert.deepEqual(placeNode(objects, { pool: 'dpdk' }), ['dra-driver-cpu-dpdk']);
    assert.deepEqual(placeNode(objects, { pool: 'batch' }), ['dra-driver-cpu-batch']);
    assert.deepEqual(placeNode(objects, { pool: 'batch', 'kubernetes.io/os': 'windows' }), []);
    assert.deepEqual(readConfig(objects, 'dra-driver-cpu-config'), { reservedCPUs: '0-1' });
    assert.deepEqual(readConfig(objects, 'dra-driver-cpu-dpdk-config'), { groupBy: 'socket', reservedCPUs: '0-1' });
    assert.deepEqual(readConfig(objects, 'dra-driver-cpu-batch-config'), { reservedCPUs: '' });
  });

  test('the pods of a group mount the ConfigMap of the group and restart when it changes', () => {
    const pod = 'spec.template.spec.volumes';
    const [own, changed] = [{ groupBy: 'socket' }, { groupBy: 'l3cache' }].map((driverConfig) => {
      const daemonSet = filterKind(renderGroups([{ ...dpdk, driverConfig }]), 'DaemonSet')[1];
      const volume = (pick(daemonSet, pod) as { name: string }[]).find(({ name }) => name === 'driver-config');
      assert.deepEqual(pick(volume, 'configMap'), { name: 'dra-driver-cpu-dpdk-config' });
      return (pick(daemonSet, 'spec.template.metadata.annotations') as Record<string, string>)['checksum/config'];
    });
    assert.notEqual(own, changed);
  });

  test('settings of a group win over driverConfig and over the deprecated args, also when they are false or 0', () => {
    const driverConfig = { fullPhysicalCores: false, startJitterSeconds: 0, cpuDeviceMode: 'grouped' };
    const set = [
      'driverConfig.fullPhysicalCores=true',
      'driverConfig.startJitterSeconds=9',
      'args.cpuDeviceMode=individual',
    ];
    const objects = renderGroups([{ ...dpdk, driverConfig }], set);
    assert.deepEqual(readConfig(objects, 'dra-driver-cpu-dpdk-config'), driverConfig);
  });

  test('the selector of no DaemonSet matches the pods of another', () => {
    const daemonSets = filterKind(renderGroups([dpdk, batch]), 'DaemonSet');
    for (const owner of daemonSets) {
      const selector = Object.entries(pick(owner, 'spec.selector.matchLabels') as Labels);
      const owned = daemonSets.filter((each) => {
        const labels = pick(each, 'spec.template.metadata.labels') as Labels;
        return selector.every(([key, value]) => labels[key] === value);
      });
      assert.deepEqual(owned, [owner]);
    }
  });

  test('Service, monitors and network policy select the pods of all groups', () => {
    const set = ['metrics.podMonitor.create=true', 'metrics.service.create=true', 'networkPolicy.create=true'];
    const objects = renderGroups([dpdk], set);
    const selectors = [
      pick(findKind(objects, 'Service'), 'spec.selector'),
      pick(findKind(objects, 'PodMonitor'), 'spec.selector.matchLabels'),
      pick(findKind(objects, 'NetworkPolicy'), 'spec.podSelector.matchLabels'),
    ] as Labels[];
    for (const daemonSet of filterKind(objects, 'DaemonSet')) {
      const labels = pick(daemonSet, 'spec.template.metadata.labels') as Labels;
      for (const selector of selectors) {
        assert.ok(Object.entries(selector).every(([key, value]) => labels[key] === value));
      }
    }
  });

  test('an affinity of the values holds for every group', () => {
    const path =
      'affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0]';
    const set = [`${path}.key=zone`, `${path}.operator=In`, `${path}.values[0]=a`, 'nodeSelector.cpu=yes'];
    const objects = renderGroups([dpdk], set);
    assert.deepEqual(placeNode(objects, { cpu: 'yes', zone: 'a', pool: 'dpdk' }), ['dra-driver-cpu-dpdk']);
    assert.deepEqual(placeNode(objects, { cpu: 'yes', zone: 'a' }), ['dra-driver-cpu']);
    assert.deepEqual(placeNode(objects, { cpu: 'yes', zone: 'b', pool: 'dpdk' }), []);
    assert.deepEqual(placeNode(objects, { zone: 'a', pool: 'dpdk' }), []);
  });

  test('every node runs one driver, the first of its groups, whatever labels the groups select by', () => {
    const keys = ['a', 'b', 'c'];
    const nodes = Array.from({ length: 27 }, (_, index) =>
      Object.fromEntries(
        keys.flatMap((key, place) => {
          const value = ['', 'x', 'y'][Math.floor(index / 3 ** place) % 3] ?? '';
          return value === '' ? [] : [[key, value]];
        }),
      ),
    );
    const groups: Group[] = [
      { name: 'one', nodeSelector: { a: 'x' } },
      { name: 'two', nodeSelector: { b: 'x', c: 'y' } },
      { name: 'three', nodeSelector: { c: 'x' } },
      { name: 'four', nodeSelector: { a: 'y', b: 'y' } },
    ];
    const objects = renderGroups(groups);
    for (const labels of nodes) {
      const first = groups.find(({ nodeSelector }) =>
        Object.entries(nodeSelector).every(([key, value]) => labels[key] === value),
      );
      const wanted = first ? `dra-driver-cpu-${first.name}` : 'dra-driver-cpu';
      assert.deepEqual(placeNode(objects, labels), [wanted], JSON.stringify(labels));
    }
  });

  test('names of long releases are cut so that the names of the groups remain', () => {
    const set = [`fullnameOverride=${'f'.repeat(63)}`];
    const long = 'g'.repeat(40);
    const names = filterKind(renderGroups([{ ...dpdk, name: long }], set), 'DaemonSet').map(
      ({ metadata }) => metadata.name,
    );
    assert.deepEqual(names, ['f'.repeat(63), `${'f'.repeat(22)}-${long}`]);
  });

  test('no admission policy is made when one group has hostnameOverride', () => {
    const objects = renderGroups([{ ...dpdk, driverConfig: { hostnameOverride: 'other' } }]);
    assert.equal(findKind(objects, 'ValidatingAdmissionPolicy'), undefined);
  });
});

const refused: readonly (readonly [
  title: string,
  groups: readonly Group[],
  message: RegExp,
  set?: readonly string[],
])[] = [
  ['two groups of one name', [dpdk, { ...batch, name: 'dpdk' }], /the name "dpdk" is used twice/],
  ['two groups of one selector', [dpdk, { ...dpdk, name: 'b' }], /groups "dpdk" and "b" overlap/],
  [
    'a group within another',
    [dpdk, { name: 'b', nodeSelector: { pool: 'dpdk', zone: 'a' } }],
    /groups "dpdk" and "b" overlap/,
  ],
  [
    'a group around another',
    [{ name: 'b', nodeSelector: { pool: 'dpdk', zone: 'a' } }, dpdk],
    /groups "b" and "dpdk" overlap/,
  ],
  [
    'groups that overlap because of the nodeSelector of the chart',
    [
      { name: 'a', nodeSelector: { zone: 'a' } },
      { name: 'b', nodeSelector: { pool: 'p' } },
    ],
    /groups "a" and "b" overlap/,
    ['nodeSelector.zone=a'],
  ],
  ['a group that no node can be in', [dpdk], /no node can be in group "dpdk"/, ['nodeSelector.pool=batch']],
  ['a group of all nodes', [{ name: 'a', nodeSelector: {} }], /nodeSelector.*minProperties/],
  ['a name that is not one of Kubernetes', [{ ...dpdk, name: 'A_b' }], /nodeGroups\/0\/name.*pattern/],
  ['a reversed range of CPUs', [{ ...dpdk, driverConfig: { reservedCPUs: '3-1' } }], /node group "dpdk" "3-1"/],
  [
    'more alternatives than an affinity should have',
    Array.from({ length: 9 }, (_, index) => ({
      name: `g${index}`,
      nodeSelector: { [`a${index}`]: 'x', [`b${index}`]: 'x' },
    })),
    /more than 256 terms/,
  ],
];

for (const [title, groups, message, set = []] of refused) {
  test(`nodeGroups: ${title} is refused`, options, () =>
    refuses({ set, options: ['--set-json', `nodeGroups=${JSON.stringify(groups)}`] }, message),
  );
}
