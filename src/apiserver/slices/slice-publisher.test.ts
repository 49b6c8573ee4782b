import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ResourceV1Api } from '@kubernetes/client-node';
import { smtMachine } from '../../claims/testing/fixtures.ts';
import { CpuSet } from '../../cpuset/cpu-set.ts';
import { enumerateDevices } from '../../devices/device.ts';
import { toSliceDevice } from '../../devices/slice-device.ts';
import type { Log } from '../../lib/log.ts';
import { eventually } from '../../lib/testing/eventually.ts';
import type { ApiServer } from '../../../embedded/apiserver/api-server.ts';
import { claim, pod } from '../../../embedded/apiserver/testing/cluster.ts';
import { Scheduler } from '../../../embedded/scheduler/scheduler.ts';
import type { SlicePublisher } from './slice-publisher.ts';
import type { SlicePublisherState } from './slice-publisher-state.ts';
import { cpuDevices, groupedDevice, newCluster, newPublisher, officialConfig } from '../testing/cluster.ts';

function slicesOf(server: ApiServer) {
  return server.store.list('resourceslices').items;
}

async function untilState<Kind extends SlicePublisherState['kind']>(publisher: SlicePublisher, kind: Kind) {
  return eventually(`publisher is ${kind}`, () => {
    const { state } = publisher;
    return state.kind === kind ? (state as Extract<SlicePublisherState, { kind: Kind }>) : undefined;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; it is ${JSON.stringify(publisher.state)}`);
  });
}

/** Publishes and waits until it is done. */
async function publish(publisher: SlicePublisher, devices: Parameters<SlicePublisher['setDevices']>[0]) {
  publisher.setDevices(devices);
  publisher.start();
  return eventually('published', () => {
    const { state } = publisher;
    return (state.kind === 'published' || state.kind === 'degraded') && state;
  });
}

/** The generation that every slice carries, undefined while they differ or their number is not the pool's. */
function generationOf(server: ApiServer): number | undefined {
  const slices = slicesOf(server);
  const [generation, ...others] = new Set(slices.map(({ spec }) => spec.pool?.generation));
  const isComplete = slices.every(({ spec }) => spec.pool?.resourceSliceCount === slices.length);
  return isComplete && others.length === 0 ? generation : undefined;
}

describe('SlicePublisher', () => {
  it('publishes slices as the Go helper names and owns them', async (t) => {
    const { server, client } = await newCluster(t);
    const publisher = newPublisher(t, { client });
    assert.deepEqual(publisher.state, { kind: 'stopped' });
    const state = await publish(publisher, [groupedDevice('cpudevnuma000', 31)]);
    assert.deepEqual(state, { kind: 'published', sliceCount: 1, deviceCount: 1, generation: 1 });
    const [slice] = slicesOf(server);
    assert.equal(slice?.metadata.generateName, '00000-dra.cpu-n1-');
    assert.match(slice?.metadata.name ?? '', /^00000-dra\.cpu-n1-[a-z0-9]{5}$/);
    const { uid } = server.store.get('nodes', 'n1').metadata;
    assert.deepEqual(slice?.metadata.ownerReferences, [
      { apiVersion: 'v1', kind: 'Node', name: 'n1', uid, controller: true },
    ]);
    assert.deepEqual(slice?.spec, {
      driver: 'dra.cpu',
      nodeName: 'n1',
      pool: { name: 'n1', generation: 1, resourceSliceCount: 1 },
      devices: [groupedDevice('cpudevnuma000', 31)],
    });
    const { items } = await officialConfig(server).makeApiClient(ResourceV1Api).listResourceSlice();
    const [device] = items[0]?.spec.devices ?? [];
    assert.equal(device?.attributes?.['dra.cpu/numCPUs']?._int, 31);
    assert.equal(device?.capacity?.['dra.cpu/cpu']?.value, '31');
  });

  it('writes nothing when it starts again with the same devices', async (t) => {
    const { server, client } = await newCluster(t);
    const first = newPublisher(t, { client });
    await publish(first, cpuDevices(200));
    await first.stop();
    const before = slicesOf(server);
    const second = newPublisher(t, { client });
    assert.equal((await publish(second, cpuDevices(200))).generation, 1);
    assert.deepEqual(slicesOf(server), before);
  });

  it('S1: cuts 384 CPUs into slices of 128, and of 64 where lists are used', async (t) => {
    const { server, client } = await newCluster(t);
    const publisher = newPublisher(t, { client });
    await publish(publisher, cpuDevices(384));
    const lengths = () => slicesOf(server).map(({ spec }) => spec.devices?.length);
    assert.deepEqual(lengths(), [128, 128, 128]);
    assert.equal(generationOf(server), 1);
    const withLists = cpuDevices(384).map((device) => ({
      ...device,
      attributes: { ...device.attributes, 'resource.kubernetes.io/pcieRoot': { strings: ['pci0000:00'] } },
    }));
    publisher.setDevices(withLists);
    await eventually('six slices', () => lengths().length === 6 && publisher.state.kind === 'published');
    assert.deepEqual(lengths(), [64, 64, 64, 64, 64, 64]);
    assert.equal(generationOf(server), 2);
    publisher.setDevices(cpuDevices(3));
    await eventually('one slice', () => lengths().length === 1);
    await eventually('generation 3', () => generationOf(server) === 3);
  });

  it('S2: publishes without a list that the cluster refuses, says so, and adds it once the gate is on', async (t) => {
    const { server, client } = await newCluster(t, { featureGates: { DRAListTypeAttributes: false } });
    const publisher = newPublisher(t, { client, recheckMs: 20 });
    publisher.setDevices([
      groupedDevice('cpudevnuma000', 8, ['pci0000:00']),
      groupedDevice('cpudevnuma001', 8, ['pci0000:40', 'pci0000:50']),
    ]);
    publisher.start();
    const state = await untilState(publisher, 'degraded');
    assert.equal(state.reasons.length, 1);
    assert.match(state.reasons[0] ?? '', /pcieRoot.*DRAListTypeAttributes/);
    const roots = () =>
      slicesOf(server)[0]?.spec.devices?.map(({ attributes }) => attributes?.['resource.kubernetes.io/pcieRoot']);
    assert.deepEqual(roots(), [{ string: 'pci0000:00' }, undefined]);
    server.store.featureGates = {};
    await untilState(publisher, 'published');
    assert.deepEqual(roots(), [{ strings: ['pci0000:00'] }, { strings: ['pci0000:40', 'pci0000:50'] }]);
  });

  it('S2: leaves out what is too long or too much for the API, and lives', async (t) => {
    const { server, client } = await newCluster(t);
    const publisher = newPublisher(t, { client });
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`dra.cpu/a${index}`, { int: index }]));
    publisher.setDevices([
      groupedDevice('cpudevnuma000', 8),
      { name: 'long', attributes: { 'dra.cpu/text': { string: 'x'.repeat(65) }, 'dra.cpu/short': { string: 'y' } } },
      { name: 'many', attributes: many },
      { name: 'Wrong_Name', attributes: {} },
    ]);
    publisher.start();
    const { reasons } = await untilState(publisher, 'degraded');
    assert.equal(reasons.length, 3);
    const devices = slicesOf(server)[0]?.spec.devices ?? [];
    assert.deepEqual(
      devices.map(({ name }) => name),
      ['cpudevnuma000', 'long', 'many'],
    );
    assert.deepEqual(devices[1]?.attributes, { 'dra.cpu/short': { string: 'y' } });
    assert.equal(Object.keys(devices[2]?.attributes ?? {}).length, 32);
  });

  it('S3: names a Node that does not exist, and goes on once it does', async (t) => {
    const { server, client } = await newCluster(t);
    const publisher = newPublisher(t, { client, nodeName: 'ip-10-0-0-1.ec2.internal' });
    publisher.setDevices([groupedDevice('cpudevnuma000', 8)]);
    publisher.start();
    const state = await untilState(publisher, 'failing');
    assert.equal(state.code, 'NodeNotFound');
    assert.match(state.reason, /"ip-10-0-0-1\.ec2\.internal".*NODE_NAME.*--hostname-override/);
    assert.deepEqual(slicesOf(server), []);
    server.store.create('nodes', { metadata: { name: 'ip-10-0-0-1.ec2.internal' } });
    await untilState(publisher, 'published');
  });

  it('S4: publishes the NUMA node under the standard and both older names, and claims find it by each', async (t) => {
    const { server, client } = await newCluster(t);
    const { store } = server;
    store.create('deviceclasses', { metadata: { name: 'dra.cpu' }, spec: {} });
    const machine = smtMachine({ nodes: 2, cores: 2 });
    const { devices } = enumerateDevices(machine, { kind: 'grouped', groupBy: 'numanode' }, CpuSet.empty);
    const publisher = newPublisher(t, { client });
    await publish(
      publisher,
      devices.map((device) => toSliceDevice(device, machine, { exposePcieRoots: false })),
    );
    const scheduler = Scheduler.start(store);
    t.after(() => scheduler.stop());
    const names = ['["resource.kubernetes.io"].numaNode', '["dra.cpu"].numaNodeID', '["dra.net"].numaNode'];
    for (const [index, name] of names.entries()) {
      const selectors = [{ cel: { expression: `device.attributes${name} == 1` } }];
      store.create('resourceclaims', claim(`c${index}`, { selectors, capacity: { requests: { 'dra.cpu/cpu': '1' } } }));
      store.create('pods', pod(`p${index}`, { resourceClaims: [{ name: 'cpu', resourceClaimName: `c${index}` }] }));
      const { device } = await eventually(`c${index} is allocated`, () => {
        return store.get('resourceclaims', `c${index}`).status?.allocation?.devices?.results?.[0];
      });
      assert.equal(device, 'cpudevnuma001');
    }
  });

  it('S5: names the gate of a field that the cluster drops, without writing again and again', async (t) => {
    const { server, client } = await newCluster(t, {
      featureGates: { DRANodeAllocatableResources: false, DRAConsumableCapacity: false },
    });
    const publisher = newPublisher(t, { client, recheckMs: 20 });
    const device = {
      ...groupedDevice('cpudevnuma000', 8),
      nodeAllocatableResourceMappings: { cpu: { capacityKey: 'dra.cpu/cpu' } },
    };
    publisher.setDevices([device]);
    publisher.start();
    const { reasons } = await untilState(publisher, 'degraded');
    assert.equal(reasons.length, 2);
    assert.match(reasons[0] ?? '', /"allowMultipleAllocations".*DRAConsumableCapacity/);
    assert.match(reasons[1] ?? '', /"nodeAllocatableResourceMappings".*DRANodeAllocatableResources/);
    await eventually('asked again without writing', () => server.counts.of('create', 'resourceslices') >= 3);
    assert.equal(slicesOf(server).length, 1);
    assert.equal(server.counts.of('update', 'resourceslices'), 0);
    server.store.featureGates = { DRANodeAllocatableResources: false };
    await eventually('one reason less', () => {
      return publisher.state.kind === 'degraded' && publisher.state.reasons.length === 1;
    });
    assert.equal(slicesOf(server)[0]?.spec.devices?.[0]?.allowMultipleAllocations, true);
  });

  it('S8: publishes a new generation when CPUs go, and ends with no slices when all do', async (t) => {
    const { server, client } = await newCluster(t);
    const publisher = newPublisher(t, { client });
    await publish(publisher, [groupedDevice('cpudevnuma000', 8)]);
    publisher.setDevices([groupedDevice('cpudevnuma000', 7)]);
    await eventually('generation 2', () => generationOf(server) === 2);
    assert.deepEqual(slicesOf(server)[0]?.spec.devices?.[0]?.capacity, { 'dra.cpu/cpu': { value: '7' } });
    publisher.setDevices([]);
    await eventually('no slices', () => slicesOf(server).length === 0);
  });

  it('puts back slices that are deleted or edited, and removes strange ones', async (t) => {
    const { server, client } = await newCluster(t);
    const publisher = newPublisher(t, { client });
    await publish(publisher, cpuDevices(200));
    const [first, second] = slicesOf(server);
    server.store.delete('resourceslices', first?.metadata.name ?? '');
    await eventually('two slices again', () => slicesOf(server).length === 2 && generationOf(server) === 2, 2_000);
    const edited = structuredClone(server.store.get('resourceslices', second?.metadata.name ?? ''));
    edited.spec.devices?.pop();
    server.store.update('resourceslices', edited);
    await eventually('edit undone', () => generationOf(server) === 3, 2_000);
    assert.equal(slicesOf(server).flatMap(({ spec }) => spec.devices ?? []).length, 200);
    const pool = { name: 'n1', generation: 3, resourceSliceCount: 2 };
    const strange = { driver: 'dra.cpu', nodeName: 'n1', pool, devices: [{ name: 'gpu' }] };
    server.store.create('resourceslices', { metadata: { name: 'strange' }, spec: strange });
    const others = { ...strange, driver: 'dra.net' };
    server.store.create('resourceslices', { metadata: { name: 'others' }, spec: others });
    await eventually('strange slice gone', () => slicesOf(server).length === 3);
    assert.ok(server.store.find('resourceslices', 'others'));
  });

  it('follows a Node that was made anew under its name', async (t) => {
    const { server, client } = await newCluster(t);
    const publisher = newPublisher(t, { client });
    await publish(publisher, [groupedDevice('cpudevnuma000', 8)]);
    server.store.delete('nodes', 'n1');
    const { uid } = server.store.create('nodes', { metadata: { name: 'n1' } }).metadata;
    await eventually('owned by the new Node', () => slicesOf(server)[0]?.metadata.ownerReferences?.[0]?.uid === uid);
  });

  it('tries again after refusals, conflicts and lost connections', async (t) => {
    const { server, client } = await newCluster(t);
    for (const answer of ['ServiceUnavailable', 'reset', 'TooManyRequests'] as const) {
      server.faults.failNext({ answer, verb: 'create', resource: 'resourceslices' });
    }
    server.faults.failNext({ answer: 'InternalError', verb: 'list', resource: 'resourceslices' });
    server.faults.failNext({ answer: 'Forbidden', verb: 'get', resource: 'nodes' });
    server.faults.failNext({ answer: 'Conflict', verb: 'update', resource: 'resourceslices', times: 2 });
    const publisher = newPublisher(t, { client });
    await publish(publisher, cpuDevices(200));
    assert.equal(slicesOf(server).length, 2);
    publisher.setDevices(cpuDevices(199));
    await eventually('199 devices', () => {
      return (
        slicesOf(server).flatMap(({ spec }) => spec.devices ?? []).length === 199 && (generationOf(server) ?? 0) > 1
      );
    });
  });

  it('names an API that is not served and a permission that is missing', async (t) => {
    const { server, client } = await newCluster(t, { unserved: ['resource.k8s.io/v1'], gitVersion: 'v1.33.2' });
    const publisher = newPublisher(t, { client });
    publisher.setDevices(cpuDevices(1));
    publisher.start();
    const state = await untilState(publisher, 'failing');
    assert.equal(state.code, 'NotServed');
    assert.match(state.reason, /Kubernetes 1\.34.*resource\.k8s\.io\/v1.*DynamicResourceAllocation/);
    assert.match(state.reason, /the cluster is Kubernetes v1\.33\.2 and serves nothing of resource\.k8s\.io$/);
    server.faults.failNext({ answer: 'Forbidden', verb: 'list', resource: 'resourceslices', times: Infinity });
    server.unserved.clear();
    const refused = await eventually('forbidden', () => {
      const now = publisher.state;
      return now.kind === 'failing' && now.code === 'Forbidden' && now;
    });
    assert.match(refused.reason, /ClusterRole/);
    server.faults.clear();
    await untilState(publisher, 'published');
  });

  it('stays published while the API server is away, and repairs what happened meanwhile', async (t) => {
    const { server, client } = await newCluster(t);
    const warnings: string[] = [];
    const note = (message: string) => void warnings.push(message);
    const log: Log = { error: note, warn: note, info: note, debug: () => {} };
    let reconnects = 0;
    const publisher = newPublisher(t, { client, log, onReconnect: () => void (reconnects += 1) });
    await publish(publisher, cpuDevices(3));
    await server.pause();
    await eventually('noticed', () => warnings.includes('cannot watch the API server'));
    assert.equal(publisher.state.kind, 'published');
    server.store.delete('resourceslices', slicesOf(server)[0]?.metadata.name ?? '');
    server.store.forgetHistory();
    await server.resume();
    await eventually('slice is back', () => slicesOf(server).length === 1);
    assert.ok(warnings.includes('watching the API server again'));
    assert.equal(reconnects, 1);
    assert.equal(warnings.filter((text) => text === 'cannot watch the API server').length, 1);
  });

  it('slows down when somebody keeps removing its slices', async (t) => {
    const { server, client } = await newCluster(t);
    const publisher = newPublisher(t, { client, random: () => 0.5 });
    await publish(publisher, cpuDevices(1));
    const stop = server.store.watch('resourceslices', ({ type, object }) => {
      if (type === 'ADDED') queueMicrotask(() => server.store.delete('resourceslices', object.metadata.name));
    });
    t.after(stop);
    const startedMs = performance.now();
    await eventually('five times', () => server.counts.of('create', 'resourceslices') >= 5);
    // 37 + 75 + 150 + 300 ms: each waiting time is twice the one before.
    assert.ok(performance.now() - startedMs > 400);
  });

  it('leaves its slices in place when it stops, and removes them on request', async (t) => {
    const { server, client } = await newCluster(t);
    const watcherCount = server.store.watcherCount;
    const publisher = newPublisher(t, { client });
    await publish(publisher, cpuDevices(200));
    assert.equal(server.store.watcherCount, watcherCount + 1);
    await publisher.stop();
    await publisher.stop();
    assert.equal(publisher.state.kind, 'stopped');
    assert.equal(slicesOf(server).length, 2);
    await publisher.stop({ removeSlices: true });
    assert.deepEqual(slicesOf(server), []);
    await eventually('no watch left', () => server.store.watcherCount === watcherCount);
  });
});
