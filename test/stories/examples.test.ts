/** Runs every manifest of hack/examples on an embedded node, in each mode of the driver that it is for. */
import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../src/cpuset/parse.ts';
import type { KubeObject } from '../../src/resource-api/kube-object.ts';
import type { ResourceClaim } from '../../src/resource-api/objects.ts';
import type { Pod } from '../../src/resource-api/core-objects.ts';
import type { ObjectOf } from '../../embedded/apiserver/object-types.ts';
import { pod } from '../../embedded/demo/demo-objects.ts';
import { type LocalCluster, waitFor } from '../../embedded/cluster/local-cluster.ts';
import type { ContainerReport } from '../../embedded/node/node-commands.ts';
import { parseSynthetic } from '../../src/topology/synthetic.ts';
import { cpusOf, skipReason, startConfigured } from '../local-cluster.ts';

/** Two sockets, each a NUMA node of two L3 caches of 16 CPUs. */
const MACHINE = 'pack:2 numa:1 l3:2 core:8 pu:2';
const machine = parseSynthetic(MACHINE);
const RESERVED = '0,32';

const PLURALS: Readonly<Record<string, string>> = {
  Pod: 'pods',
  ResourceClaim: 'resourceclaims',
  ResourceClaimTemplate: 'resourceclaimtemplates',
  DeviceClass: 'deviceclasses',
};
const ANY_GROUP = [
  'quickstart',
  'pod_with_resource_claim_grouped_mode',
  'pod_with_pod_level_resources',
  'pod_with_placement_policy',
  'pod_with_local_memory',
  'pod_with_shared_cpus',
];
const MODES: { title: string; config: string; examples: string[]; nodeArgs?: string[] }[] = [
  {
    title: 'grouped by NUMA node',
    config: 'groupBy: numanode',
    examples: [...ANY_GROUP, 'pod_with_numa_split'],
  },
  { title: 'grouped by socket', config: 'groupBy: socket', examples: ANY_GROUP },
  { title: 'grouped by L3 cache', config: 'groupBy: l3cache', examples: [...ANY_GROUP, 'pod_with_numa_split'] },
  {
    title: 'the whole machine, placed by the driver',
    config: 'groupBy: machine\nmachinePlacement: auto',
    examples: ANY_GROUP,
  },
  {
    title: 'individual CPUs',
    config: 'cpuDeviceMode: individual',
    examples: ['pod_with_resource_claim_individual_mode'],
  },
  {
    title: 'mapped to the node’s cpu',
    config: 'publishNodeAllocatableResourceMapping: true',
    examples: ['pod_with_resource_claim_node_allocatable'],
    nodeArgs: ['--kubernetes-version', 'v1.37.0', '--feature-gates', 'DRANodeAllocatableResources=true'],
  },
];

/** The overlay as the chart mounts it. */
interface OverlayConfigMap {
  readonly data: { readonly 'sysfs-overlay.yaml': string };
}

/** Where a container of a pod runs. */
type Place = Map<string, CpuSet>;

/** To which NUMA nodes the memory of each container of a pod is bound. */
type Memory = ReadonlyMap<string, string>;

function readExample(name: string): KubeObject[] {
  const text = readFileSync(`hack/examples/${name}.yaml`, 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
}

const ofKind = <T extends KubeObject>(objects: KubeObject[], kind: string) =>
  objects.filter((object): object is T => object.kind === kind);

/** How many CPUs each container of a pod is given by its claims; 0 for one that has none. */
function countClaimed({ spec }: Pod, objects: KubeObject[]): Map<string, number> {
  const claims = [
    ...ofKind<ResourceClaim>(objects, 'ResourceClaim').map(({ metadata, spec }) => ({ name: metadata.name, spec })),
    ...ofKind<ObjectOf<'resourceclaimtemplates'>>(objects, 'ResourceClaimTemplate').map(
      ({ metadata, spec: { spec } }) => ({
        name: metadata.name,
        spec,
      }),
    ),
  ];
  const sizeOf = (use: string) => {
    const source = spec.resourceClaims?.find(({ name }) => name === use);
    const wanted = source?.resourceClaimName ?? source?.resourceClaimTemplateName;
    const requests = claims.find(({ name }) => name === wanted)?.spec.devices?.requests ?? [];
    const counts = requests.map(({ exactly }) =>
      Number(exactly?.capacity?.requests?.['dra.cpu/cpu'] ?? exactly?.count),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  };
  return new Map(
    spec.containers.map(({ name, resources }) => [
      name,
      (resources?.claims ?? []).reduce((sum, use) => sum + sizeOf(use.name), 0),
    ]),
  );
}

async function waitForPlaces(
  cluster: LocalCluster,
  { metadata, spec }: Pod,
): Promise<{ places: Place; memory: Memory }> {
  const found: ContainerReport[] = [];
  for (const { name } of spec.containers) {
    found.push(await cluster.waitForContainer(metadata.name, (container) => container.name === name));
  }
  return {
    places: new Map(found.map(({ name, actual = '' }) => [name, parseCpuList(actual)])),
    memory: new Map(found.map(({ name, mems }) => [name, mems])),
  };
}

/** What an example promises beyond the number of its CPUs. */
const PROMISES: Readonly<Record<string, (places: Place, memory: Memory) => void>> = {
  pod_with_numa_split: (places) => {
    const cpus = places.get('workload-container') ?? CpuSet.empty;
    assert.deepEqual(
      machine.numaNodes.map((node) => node.cpus.intersection(cpus).size),
      [10, 10],
    );
  },
  pod_with_placement_policy: (places) => {
    const groupsOf = (groups: readonly { readonly cpus: CpuSet }[], container: string) =>
      groups.filter(({ cpus }) => cpus.intersects(places.get(container) ?? CpuSet.empty));
    assert.equal(groupsOf(machine.l3Caches, 'cache-bound').length, 1);
    assert.equal(groupsOf(machine.cores, 'compute-bound').length, 2);
  },
  pod_with_local_memory: (places, memory) => {
    const cpus = places.get('memory-bound') ?? CpuSet.empty;
    const nodes = machine.numaNodes.filter((node) => node.cpus.intersects(cpus)).map(({ numaNode }) => numaNode);
    assert.deepEqual([memory.get('memory-bound'), memory.get('anywhere')], [nodes.join(), '']);
  },
};

/** Containers that run on shared CPUs besides their own, and a container beside each that runs on the shared ones alone. */
const MIXED: Readonly<Record<string, { readonly container: string; readonly beside: string }>> = {
  pod_with_shared_cpus: { container: 'poller', beside: 'sidecar' },
};

/** Leaves a container that shares CPUs with its own, after a look whether it has the shared ones. */
function takeOwn(places: Place, { container, beside }: { container: string; beside: string }): Place {
  const [all, pool] = [places.get(container) ?? CpuSet.empty, places.get(beside) ?? CpuSet.empty];
  assert.ok(!pool.isEmpty && pool.isSubsetOf(all), `${pool} of ${all}`);
  return new Map([...places, [container, all.difference(pool)]]);
}

async function checkExample(cluster: LocalCluster, name: string): Promise<void> {
  const objects = readExample(name);
  for (const object of objects) await cluster.api.create(PLURALS[object.kind] ?? '', object);
  const taken: CpuSet[] = [];
  for (const podOfExample of ofKind<Pod>(objects, 'Pod')) {
    const claimed = countClaimed(podOfExample, objects);
    const { places: found, memory } = await waitForPlaces(cluster, podOfExample);
    const places = MIXED[name] ? takeOwn(found, MIXED[name]) : found;
    const shared = [...places].filter(([container]) => claimed.get(container) === 0).map(([, cpus]) => cpus);
    const exclusive = [...places].filter(([container]) => claimed.get(container) !== 0).map(([, cpus]) => cpus);
    assert.deepEqual(
      new Map([...places].map(([container, cpus]) => [container, claimed.get(container) === 0 ? 0 : cpus.size])),
      claimed,
    );
    taken.push(...exclusive);
    const all = CpuSet.unionOf(taken);
    assert.equal(
      all.size,
      taken.reduce((sum, cpus) => sum + cpus.size, 0),
      'claims have CPUs in common',
    );
    const left = machine.online.difference(all).difference(parseCpuList(RESERVED));
    for (const cpus of shared) assert.equal(cpus.toString(), left.toString());
    PROMISES[name]?.(places, memory);
  }
  for (const { metadata } of ofKind<Pod>(objects, 'Pod')) await cluster.deletePod(metadata.name);
  for (const { metadata } of ofKind(objects, 'ResourceClaim')) {
    await cluster.api.delete('resourceclaims', metadata.name);
    await waitFor(
      `claim ${metadata.name} to go`,
      async () => !(await cluster.api.find('resourceclaims', metadata.name)),
    );
  }
}

describe('Examples on an embedded node', { skip: skipReason, concurrency: 2 }, () => {
  it('are all run', () => {
    const names = globSync('hack/examples/*.yaml').map((file) => basename(file, '.yaml'));
    assert.deepEqual(names.sort(), [...new Set(MODES.flatMap(({ examples }) => examples))].sort());
  });

  for (const { title, config, examples, nodeArgs = [] } of MODES) {
    it(`run on the CPUs of their claims: ${title}`, async (t) => {
      const cluster = await startConfigured(t, {
        config: `reservedCPUs: "${RESERVED}"\n${config}\n`,
        nodeArgs: ['--topology', MACHINE, '--simulate-containers', ...nodeArgs],
      });
      for (const name of examples) await checkExample(cluster, name);
    });
  }

  it('sysfs-overlay: NUMA nodes and PCIe roots of the overlay are published, and claims stay in them', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'dracpu-overlay-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const overlay = join(directory, 'overlay.yaml');
    const configMap = parse(readFileSync('hack/examples/sysfs-overlay/configmap.yaml', 'utf8')) as OverlayConfigMap;
    writeFileSync(overlay, configMap.data['sysfs-overlay.yaml']);
    const cluster = await startConfigured(t, {
      config: `sysfsOverlay: ${overlay}\n`,
      nodeArgs: ['--topology', 'core:4', '--simulate-containers'],
      driver: { args: ['--expose-pcie-roots'] },
    });
    const devices = (await cluster.api.list('resourceslices')).flatMap(({ spec }) => spec.devices ?? []);
    assert.deepEqual(
      devices.map(({ name, attributes, capacity }) => [
        name,
        attributes?.['resource.kubernetes.io/pcieRoot'],
        capacity?.['dra.cpu/cpu']?.value,
      ]),
      [
        ['cpudevnuma000', { strings: ['pci0000:00'] }, '2'],
        ['cpudevnuma001', { strings: ['pci0001:80'] }, '2'],
      ],
    );
    const ofRoot = '"pci0001:80" in device.attributes["resource.kubernetes.io"].pcieRoot';
    const exactly = {
      deviceClassName: 'dra.cpu',
      capacity: { requests: { 'dra.cpu/cpu': '2' } },
      selectors: [{ cel: { expression: ofRoot } }],
    };
    const devicesWanted = { requests: [{ name: 'cpus', exactly }] };
    await cluster.api.create('resourceclaims', { metadata: { name: 'near' }, spec: { devices: devicesWanted } });
    await cluster.api.create('pods', pod('near', { resourceClaimName: 'near' }));
    assert.equal(await cpusOf(cluster, 'near'), '2-3');
  });
});
