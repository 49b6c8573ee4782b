/** What the specification says of claims, from the claim that a user or a scheduler writes to the CPUs of the process. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../src/cpuset/parse.ts';
import type { ResourceClaimSpec } from '../../src/resource-api/objects.ts';
import { pod } from '../../embedded/demo/demo-objects.ts';
import { type LocalCluster, waitFor } from '../../embedded/cluster/local-cluster.ts';
import { parseSynthetic } from '../../src/topology/synthetic.ts';
import {
  cpusOf,
  createClaimedPod,
  replaceDriver,
  skipReason,
  startCluster,
  startConfigured,
  waitForClaim,
} from '../local-cluster.ts';

/** Two sockets, each one NUMA node with eight cores of two threads. */
const MACHINE = 'pack:2 numa:1 l3:1 core:8 pu:2';
const machine = parseSynthetic(MACHINE);
const nodeArgs = ['--topology', MACHINE, '--simulate-containers'];

type Requests = NonNullable<NonNullable<ResourceClaimSpec['devices']>['requests']>;
type ClaimConfig = NonNullable<NonNullable<ResourceClaimSpec['devices']>['config']>[number];

/** A request for a number of CPUs of a group. */
function cpus(name: string, count: number): Requests[number] {
  return { name, exactly: { deviceClassName: 'dra.cpu', capacity: { requests: { 'dra.cpu/cpu': `${count}` } } } };
}

/** A configuration of requests, of all where none is named. */
function configOf(cpuConfig: object, requests: string[] = []): ClaimConfig {
  return { requests, opaque: { driver: 'dra.cpu', parameters: { apiVersion: 'v1alpha1', cpuConfig } } };
}

/** A configuration that names the CPUs of requests. */
const cpuset = (list: string, requests: string[]): ClaimConfig => configOf({ cpuset: list }, requests);

/** Creates a claim of these devices, without a pod. */
async function createClaim(cluster: LocalCluster, name: string, devices: ResourceClaimSpec['devices']): Promise<void> {
  await cluster.api.create('resourceclaims', { metadata: { name }, spec: { devices } });
}

/** Creates a claim and a pod of the same name that uses it. */
async function runClaim(cluster: LocalCluster, name: string, devices: ResourceClaimSpec['devices']): Promise<void> {
  await createClaim(cluster, name, devices);
  await cluster.api.create('pods', pod(name, { resourceClaimName: name }));
}

/** The first warning about a pod whose text has all of `parts`. */
function waitForWarning(cluster: LocalCluster, podName: string, ...parts: string[]): Promise<string> {
  return waitFor(`a warning about pod ${podName} with ${parts.join(' and ')}`, async () =>
    (await cluster.api.list('events'))
      .filter(({ type, involvedObject }) => type === 'Warning' && involvedObject.name === podName)
      .map(({ message = '' }) => message)
      .find((message) => parts.every((part) => message.includes(part))),
  );
}

/** Sends an object to a subresource, as a scheduler does. */
async function send(cluster: LocalCluster, method: 'PUT' | 'POST', path: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${cluster.node.ready.server}${path}`, { method, headers, body: JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${path}: ${await response.text()}`);
}

/** What a scheduler plugin does that places CPUs itself: allocates and reserves the claim with a cpuset, then binds the pod. */
async function scheduleExternally(cluster: LocalCluster, name: string, list: string): Promise<void> {
  const { nodeName } = cluster.node.ready;
  const claim = await cluster.api.find('resourceclaims', name);
  const consumer = await cluster.api.find('pods', name);
  assert.ok(claim && consumer);
  const request = 'cpu-request-1';
  const consumedCapacity = { 'dra.cpu/cpu': `${parseCpuList(list).size}` };
  const result = { request, driver: 'dra.cpu', pool: nodeName, device: 'cpudevmachine', consumedCapacity };
  const status = {
    allocation: {
      devices: {
        results: [result],
        config: [{ source: 'FromClaim', ...cpuset(list, [request]) }],
      },
    },
    reservedFor: [{ resource: 'pods', name, uid: consumer.metadata.uid }],
  };
  const claims = `/apis/resource.k8s.io/v1/namespaces/default/resourceclaims/${name}/status`;
  await send(cluster, 'PUT', claims, { ...claim, status });
  const target = { apiVersion: 'v1', kind: 'Node', name: nodeName };
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target };
  await send(cluster, 'POST', `/api/v1/namespaces/default/pods/${name}/binding`, binding);
}

describe('Claims on an embedded node', { skip: skipReason, concurrency: 3 }, () => {
  it('individual mode: a container runs on the CPUs of the devices that the scheduler chose', async (t) => {
    const cluster = await startConfigured(t, { config: 'cpuDeviceMode: individual\n', nodeArgs });
    const selectors = [{ cel: { expression: 'device.attributes["dra.cpu"].numaNodeID == 1' } }];
    await runClaim(cluster, 'db', {
      requests: [{ name: 'cpus', exactly: { deviceClassName: 'dra.cpu', count: 3, selectors } }],
    });
    const actual = await cpusOf(cluster, 'db');
    const chosen = (await cluster.api.find('resourceclaims', 'db'))?.status?.allocation?.devices.results ?? [];
    const published = (await cluster.api.list('resourceslices')).flatMap(({ spec }) => spec.devices ?? []);
    const ids = chosen.map(({ device }) => {
      const attribute = published.find(({ name }) => name === device)?.attributes?.['dra.cpu/cpuID'];
      return attribute && 'int' in attribute ? attribute.int : undefined;
    });
    assert.equal(parseCpuList(ids.join(',')).toString(), actual);
    assert.ok(parseCpuList(actual).isSubsetOf(machine.numaNodes[1]?.cpus ?? parseCpuList('')));
  });

  it('T13: distinctAttribute splits a claim over NUMA nodes that it does not name', async (t) => {
    const cluster = await startCluster(t, { nodeArgs });
    await runClaim(cluster, 'db', {
      requests: [cpus('left', 2), cpus('right', 2)],
      constraints: [{ requests: ['left', 'right'], distinctAttribute: 'resource.kubernetes.io/numaNode' }],
    });
    const actual = parseCpuList(await cpusOf(cluster, 'db'));
    assert.deepEqual(
      machine.numaNodes.map((node) => node.cpus.intersection(actual).size),
      [2, 2],
    );
  });

  it('machine mode: a container runs on the CPUs that an external scheduler writes into the allocation', async (t) => {
    const cluster = await startConfigured(t, { config: 'groupBy: machine\n', nodeArgs });
    const exactly = { deviceClassName: 'dra.cpu', count: 4 };
    await createClaim(cluster, 'exclusive-cores', { requests: [{ name: 'cpu-request-1', exactly }] });
    const spec = { schedulerName: 'external' };
    await cluster.api.create('pods', pod('exclusive-cores', { resourceClaimName: 'exclusive-cores' }, spec));
    await scheduleExternally(cluster, 'exclusive-cores', '2-5');
    assert.equal(await cpusOf(cluster, 'exclusive-cores'), '2-5');
  });

  it('P11: grouped by NUMA node: a container runs on the CPUs that its claim names', async (t) => {
    const cluster = await startCluster(t, { nodeArgs });
    await runClaim(cluster, 'db', { requests: [cpus('cpus', 3)], config: [cpuset('1,5-6', ['cpus'])] });
    assert.equal(await cpusOf(cluster, 'db'), '1,5-6');
  });

  it('memoryNodes: a container gets memory of the NUMA nodes of its CPUs, also when the driver was away', async (t) => {
    const cluster = await startCluster(t, { nodeArgs });
    const config = [configOf({ memoryNodes: 'local' })];
    const onNode1 = cpus('cpus', 2);
    const selectors = [{ cel: { expression: 'device.attributes["dra.cpu"].numaNodeID == 1' } }];
    const exactly = { ...onNode1.exactly, deviceClassName: 'dra.cpu', selectors };
    await runClaim(cluster, 'near', { requests: [{ ...onNode1, exactly }], config });
    await runClaim(cluster, 'both', {
      requests: [cpus('left', 2), cpus('right', 2)],
      constraints: [{ requests: ['left', 'right'], distinctAttribute: 'resource.kubernetes.io/numaNode' }],
      config: [configOf({ memoryNodes: 'local' }, ['right'])],
    });
    await createClaimedPod(cluster, 'any', 2);
    const memsOf = async (name: string) => (await cluster.waitForContainer(name)).mems;
    const memory = async () => [await memsOf('near'), await memsOf('both'), await memsOf('any')];
    assert.deepEqual(await memory(), ['1', '0-1', '']);
    const near = await cpusOf(cluster, 'near');
    await cluster.driver?.kill();
    await waitFor('the runtime to notice', async () => (await cluster.readDriverState()).nriPlugins.length === 0);
    await cluster.node.call({ do: 'killContainer', pod: 'near', container: 'main' });
    const missed = await cluster.waitForContainer('near', ({ attempt }) => attempt === 1);
    assert.equal(missed.mems, '', 'nobody is there to bind it');
    await cluster.startDriver();
    await cluster.waitForContainer('near', ({ mems }) => mems === '1');
    assert.deepEqual([await memory(), await cpusOf(cluster, 'near')], [['1', '0-1', ''], near]);
    const told = await waitFor('the status of claim near', async () => {
      const status = (await cluster.api.find('resourceclaims', 'near'))?.status as { devices?: { data: object }[] };
      return status.devices?.map(({ data }) => (data as { memoryNodes?: number[] }).memoryNodes);
    });
    assert.deepEqual(told, [[1]]);
  });

  it('sharedCPUs: a container runs on its own CPUs and the shared pool, which follows other claims and the driver', async (t) => {
    const cluster = await startCluster(t, { nodeArgs });
    await runClaim(cluster, 'poller', { requests: [cpus('cpus', 4)], config: [configOf({ sharedCPUs: true })] });
    await cluster.api.create('pods', pod('web'));
    const { cpus: own } = await waitForClaim(cluster, 'poller');
    const all = machine.online;
    const placesOf = async () => ({ poller: await cpusOf(cluster, 'poller'), web: await cpusOf(cluster, 'web') });
    assert.equal(own.size, 4);
    assert.deepEqual(await placesOf(), { poller: String(all), web: String(all.difference(own)) });

    await createClaimedPod(cluster, 'db', 8);
    const db = parseCpuList(await cpusOf(cluster, 'db'));
    assert.equal(db.size, 8);
    assert.ok(!db.intersects(own));
    const rest = all.difference(db);
    const narrow = { poller: String(rest), web: String(rest.difference(own)) };
    assert.deepEqual(await placesOf(), narrow);

    await replaceDriver(cluster);
    assert.deepEqual(await placesOf(), narrow);
    await cluster.node.call({ do: 'killContainer', pod: 'poller', container: 'main' });
    const again = await cluster.waitForContainer('poller', ({ attempt }) => attempt === 1);
    assert.equal(again.actual, narrow.poller);

    await cluster.deletePod('db');
    await cluster.waitForContainer('poller', ({ actual }) => actual === String(all));
    assert.deepEqual(await placesOf(), { poller: String(all), web: String(all.difference(own)) });
    assert.equal(String((await waitForClaim(cluster, 'poller')).cpus), String(own));
  });

  it('P17: a container that asks for another number of CPUs than its claim gives is told of in events and the claim’s status', async (t) => {
    const cluster = await startCluster(t, { nodeArgs });
    const request = (cpu: string) => ({
      containers: [{ name: 'main', image: 'busybox', resources: { requests: { cpu }, claims: [{ name: 'cpus' }] } }],
    });
    await createClaimedPod(cluster, 'greedy', 2, request('4'));
    await createClaimedPod(cluster, 'right', 2, request('2'));
    await waitForWarning(cluster, 'greedy', 'Container main asks for 4 CPUs and its claims give it 2');
    const typesOf = async (name: string) => {
      const { conditions = [] } = (await cluster.api.find('resourceclaims', name))?.status?.devices?.[0] ?? {};
      return conditions.map(({ type }) => type);
    };
    await waitFor('the status of claim greedy', async () => (await typesOf('greedy')).includes('Mismatched'));
    assert.deepEqual(await typesOf('right'), ['Ready', 'Aligned', 'Drifted']);
    await replaceDriver(cluster);
    await waitFor('the new driver’s look', async () => (await typesOf('greedy')).includes('Mismatched'));
    const counts = (await cluster.node.call({ do: 'countRequests' })) as Record<string, number>;
    assert.ok((counts['patch resourceclaims/status'] ?? 0) <= 6, JSON.stringify(counts));
  });

  it('DRA_CPUSET: a container finds its own CPUs under a name that it knows, and nobody can forge it', async (t) => {
    const cluster = await startCluster(t, { nodeArgs });
    await createClaim(cluster, 'first', { requests: [cpus('cpus', 2)] });
    await createClaim(cluster, 'second', { requests: [cpus('cpus', 3)], config: [configOf({ sharedCPUs: true })] });
    const names = ['first', 'second'];
    const env = [{ name: 'DRA_CPUSET', value: '0-31' }];
    const resources = { claims: names.map((name) => ({ name })) };
    const spec = {
      resourceClaims: names.map((name) => ({ name, resourceClaimName: name })),
      containers: [
        { name: 'main', image: 'busybox', env, resources },
        { name: 'sidecar', image: 'busybox', env },
      ],
    };
    await cluster.api.create('pods', pod('db', {}, spec));
    const own = (await Promise.all(names.map((name) => waitForClaim(cluster, name)))).map((claim) => claim.cpus);
    const told = async (name: string) =>
      (await cluster.waitForContainer('db', (container) => container.name === name)).env.filter((entry) =>
        entry.startsWith('DRA_CPUSET='),
      );
    assert.deepEqual(await told('main'), [`DRA_CPUSET=${CpuSet.unionOf(own)}`]);
    assert.deepEqual(await told('sidecar'), ['DRA_CPUSET=']);
    await cluster.node.call({ do: 'killContainer', pod: 'db', container: 'main' });
    await cluster.waitForContainer('db', ({ name, attempt }) => name === 'main' && attempt === 1);
    assert.deepEqual(await told('main'), [`DRA_CPUSET=${CpuSet.unionOf(own)}`]);
  });

  it('T12: whole cores only: the scheduler rounds three CPUs up to two cores', async (t) => {
    const cluster = await startConfigured(t, { config: 'fullPhysicalCores: true\n', nodeArgs });
    await createClaimedPod(cluster, 'db', 3);
    const actual = parseCpuList(await cpusOf(cluster, 'db'));
    const cores = machine.cores.filter((core) => core.cpus.intersects(actual));
    assert.deepEqual([actual.size, cores.length], [4, 2]);
  });

  it('P12: machine mode: a pod does not start whose claim breaks a rule, and its events say which', async (t) => {
    const cluster = await startConfigured(t, { config: 'groupBy: machine\nreservedCPUs: "0-1"\n', nodeArgs });
    const config = [cpuset('2-3', ['cpus'])];
    await runClaim(cluster, 'first', { requests: [cpus('cpus', 2)], config });
    assert.equal(await cpusOf(cluster, 'first'), '2-3');
    const rules: [name: string, devices: ResourceClaimSpec['devices'], wanted: string][] = [
      ['no-list', { requests: [cpus('cpus', 2)] }, 'needs an explicit cpuset'],
      ['taken', { requests: [cpus('cpus', 2)], config: [cpuset('3-4', ['cpus'])] }, 'belongs to claim default/first'],
      ['reserved', { requests: [cpus('cpus', 2)], config: [cpuset('1,4', ['cpus'])] }, 'CPU 1 of the configured'],
      ['absent', { requests: [cpus('cpus', 2)], config: [cpuset('31-32', ['cpus'])] }, 'not exist on this node'],
      ['size', { requests: [cpus('cpus', 2)], config: [cpuset('4-6', ['cpus'])] }, 'has 3 CPUs, and 2 are allocated'],
      ['syntax', { requests: [cpus('cpus', 2)], config: [cpuset('5-4', ['cpus'])] }, 'want a Linux CPU list'],
      [
        'two-requests',
        { requests: [cpus('a', 2), cpus('b', 2)], config: [cpuset('4-5', ['a', 'b'])] },
        'one cpuset is configured for 2 requests',
      ],
      [
        'twice',
        { requests: [cpus('cpus', 2)], config: [cpuset('4-5', ['cpus']), cpuset('6-7', ['cpus'])] },
        'is the target of 2 configurations',
      ],
      [
        'conflict',
        { requests: [cpus('a', 2), cpus('b', 2)], config: [cpuset('4-5', ['a']), cpuset('5-6', ['b'])] },
        'is configured for another request',
      ],
    ];
    for (const [name, devices] of rules) await runClaim(cluster, name, devices);
    for (const [name, , wanted] of rules) {
      await waitForWarning(cluster, name, `Cannot prepare claim default/${name}`, wanted);
      assert.equal((await cluster.api.find('pods', name))?.status?.phase, 'Pending');
    }
    const running = (await cluster.listContainers()).map(({ podName }) => podName);
    assert.deepEqual(running, ['first']);
  });

  it('P12: machine mode: a list of CPUs in a DeviceClass is refused', async (t) => {
    const cluster = await startConfigured(t, { config: 'groupBy: machine\n', nodeArgs });
    const { opaque } = cpuset('2-3', []);
    await cluster.api.create('deviceclasses', {
      metadata: { name: 'fixed-cpus' },
      spec: { selectors: [{ cel: { expression: 'device.driver == "dra.cpu"' } }], config: [{ opaque }] },
    });
    const capacity = { requests: { 'dra.cpu/cpu': '2' } };
    await runClaim(cluster, 'db', {
      requests: [{ name: 'cpus', exactly: { deviceClassName: 'fixed-cpus', capacity } }],
    });
    await waitForWarning(cluster, 'db', 'only a claim may name them');
  });

  it('a claim serves its first container; others fail with CreateContainerError, and the owner is named', async (t) => {
    const cluster = await startCluster(t, { nodeArgs });
    await createClaimedPod(cluster, 'db', 4);
    const own = await cpusOf(cluster, 'db');
    await cluster.api.create('pods', pod('thief', { resourceClaimName: 'db' }));
    const uses = { image: 'busybox', resources: { claims: [{ name: 'cpus' }] } };
    const containers = [
      { name: 'one', ...uses },
      { name: 'two', ...uses },
    ];
    await createClaimedPod(cluster, 'pair', 2, { containers });
    await waitForWarning(cluster, 'thief', 'claim default/db is used by container main of pod default/db');
    await waitForWarning(cluster, 'pair', 'container two', 'is used by container one of pod default/pair');
    for (const [name, container] of [
      ['thief', 'main'],
      ['pair', 'two'],
    ] as const) {
      await waitFor(`pod ${name} to wait`, async () => {
        const { phase, containerStatuses = [] } = (await cluster.api.find('pods', name))?.status ?? {};
        const reason = containerStatuses.find((status) => status.name === container)?.state?.waiting?.reason;
        return phase === 'Pending' && reason === 'CreateContainerError';
      });
    }
    assert.equal(await cpusOf(cluster, 'db'), own);
  });

  it('a claim goes to the next pod that is allowed to use it when the first has ended', async (t) => {
    const cluster = await startCluster(t, { timing: 'containerRetryMs=100' });
    await createClaimedPod(cluster, 'first', 2);
    const own = await cpusOf(cluster, 'first');
    await cluster.api.create('pods', pod('next', { resourceClaimName: 'first' }));
    await waitForWarning(cluster, 'next', 'is used by container main of pod default/first');
    await cluster.deletePod('first');
    assert.equal(await cpusOf(cluster, 'next'), own);
  });

  it('N6: a container with a malformed or a foreign DRA_CPUSET_ variable is not created', async (t) => {
    const cluster = await startCluster(t, { nodeArgs });
    await createClaimedPod(cluster, 'db', 4);
    await cpusOf(cluster, 'db');
    const uid = (await cluster.api.find('resourceclaims', 'db'))?.metadata.uid;
    const forged: [name: string, variable: string, value: string, wanted: string][] = [
      ['no-list', 'DRA_CPUSET_x', '0-', 'which is not a CPU list'],
      ['empty', 'DRA_CPUSET_x', '', 'which lists no CPUs'],
      ['unnamed', 'DRA_CPUSET_', '0', 'which names no claim'],
      ['unknown', 'DRA_CPUSET_x', '0-3', 'of which the kubelet passed no CDI device'],
      ['stolen', `DRA_CPUSET_${uid}`, '0-7', 'of which the kubelet passed no CDI device'],
    ];
    for (const [name, variable, value] of forged) {
      const containers = [{ name: 'main', image: 'busybox', env: [{ name: variable, value }] }];
      await cluster.api.create('pods', pod(name, {}, { containers }));
    }
    for (const [name, , , wanted] of forged) await waitForWarning(cluster, name, wanted);
    const running = (await cluster.listContainers()).map(({ podName }) => podName);
    assert.deepEqual(running, ['db']);
  });
});
