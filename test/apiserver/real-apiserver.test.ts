/** The driver's requests against the API server that clusters run, where there is one: KUBEBUILDER_ASSETS. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  type ApiObject,
  type ApiResource,
  EVENTS,
  NODES,
  RESOURCE_CLAIMS,
  RESOURCE_SLICES,
} from '../../src/apiserver/api-object.ts';
import { ClaimStatusWriter } from '../../src/apiserver/claims/claim-status.ts';
import type { ApiClient } from '../../src/apiserver/client.ts';
import { EventRecorder } from '../../src/apiserver/events/event-recorder.ts';
import { fetchClaim } from '../../src/apiserver/claims/fetch-claim.ts';
import { SlicePublisher } from '../../src/apiserver/slices/slice-publisher.ts';
import { cpuDevices, groupedDevice } from '../../src/apiserver/testing/cluster.ts';
import type { SliceDevice } from '../../src/devices/slice-device.ts';
import type { Log } from '../../src/lib/log.ts';
import { eventually } from '../../src/lib/testing/eventually.ts';
import { Kubernetes, skipReason } from './testing/kubernetes.ts';

const PATIENCE_MS = 60_000;
const namespace = 'default';
const rbac = (plural: string, kind: string): ApiResource => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural,
  kind,
});

type Slice = ApiObject & {
  spec: { pool: { generation: number; resourceSliceCount: number }; devices?: SliceDevice[] };
};
type Claim = ApiObject & {
  status?: { devices?: { driver: string; data?: unknown; conditions?: { type: string }[] }[] };
};

async function slicesOf(client: ApiClient): Promise<Slice[]> {
  return (await client.list<Slice>({ resource: RESOURCE_SLICES })).items;
}

function newPublisher(t: TestContext, client: ApiClient, devices: readonly SliceDevice[]): SlicePublisher {
  const log: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };
  const retry = { initialMs: 100, maxMs: 1_000 };
  const publisher = new SlicePublisher({ client, driverName: 'dra.cpu', nodeName: 'n1', log, startJitterMs: 0, retry });
  publisher.setDevices(devices);
  publisher.start();
  t.after(() => publisher.stop());
  return publisher;
}

async function untilState(publisher: SlicePublisher, kind: string) {
  return eventually(`publisher is ${kind}`, () => publisher.state.kind === kind && publisher.state, PATIENCE_MS).catch(
    (error: unknown) => {
      throw new Error(`${String(error)}; it is ${JSON.stringify(publisher.state)}`);
    },
  );
}

/** Makes a claim with a device of each driver allocated, as the scheduler would. */
async function allocate(client: ApiClient, name: string, drivers: readonly string[]): Promise<ApiObject> {
  const requests = drivers.map((_, index) => ({ name: `r${index}`, exactly: { deviceClassName: 'any' } }));
  const body = { metadata: { name }, spec: { devices: { requests } } };
  const made = await client.create<ApiObject>({ resource: RESOURCE_CLAIMS, namespace }, body);
  const results = drivers.map((driver, index) => ({ request: `r${index}`, driver, pool: 'n1', device: `dev${index}` }));
  const address = { resource: RESOURCE_CLAIMS, namespace, name, subresource: 'status' };
  return client.update(address, { ...made, status: { allocation: { devices: { results } } } });
}

describe('a real kube-apiserver', { skip: skipReason, timeout: 600_000 }, () => {
  it('keeps slices, names what it does not take, and takes it after its gates were switched on', async (t) => {
    const off = { DRAListTypeAttributes: false, DRAConsumableCapacity: false };
    const kubernetes = await Kubernetes.start(t, off);
    const { admin } = kubernetes;
    await admin.create({ resource: NODES }, { metadata: { name: 'n1' } });
    const publisher = newPublisher(t, admin, [
      groupedDevice('cpudevnuma000', 8, ['pci0000:00']),
      groupedDevice('cpudevnuma001', 8, ['pci0000:40', 'pci0000:50']),
    ]);
    const state = await untilState(publisher, 'degraded');
    assert.ok(state.kind === 'degraded');
    assert.equal(state.reasons.length, 2, state.reasons.join('\n'));
    assert.match(state.reasons.join('\n'), /DRAListTypeAttributes[^]*DRAConsumableCapacity/);
    const [slice] = await slicesOf(admin);
    assert.match(slice?.metadata.name ?? '', /^00000-dra\.cpu-n1-[a-z0-9]{5}$/);
    assert.equal(slice?.metadata.ownerReferences?.[0]?.kind, 'Node');
    const root = 'resource.kubernetes.io/pcieRoot';
    assert.deepEqual(
      slice?.spec.devices?.map(({ attributes }) => attributes[root]),
      [{ string: 'pci0000:00' }, undefined],
    );

    await kubernetes.restart({ DRAListTypeAttributes: true });
    await untilState(publisher, 'published');
    const [whole] = await slicesOf(admin);
    assert.deepEqual(whole?.spec.devices?.[1]?.attributes[root], { strings: ['pci0000:40', 'pci0000:50'] });
    assert.equal(whole?.spec.devices?.[1]?.allowMultipleAllocations, true);
    assert.equal(whole?.spec.pool.generation, (slice?.spec.pool.generation ?? 0) + 1);
  });

  it('keeps many slices, takes what the driver limits itself to, and sees repairs', async (t) => {
    const { admin } = await Kubernetes.start(t, { DRAListTypeAttributes: true });
    await admin.create({ resource: NODES }, { metadata: { name: 'n1' } });
    const publisher = newPublisher(t, admin, cpuDevices(384));
    await untilState(publisher, 'published');
    assert.deepEqual(
      (await slicesOf(admin)).map(({ spec }) => spec.devices?.length),
      [128, 128, 128],
    );
    const [first] = await slicesOf(admin);
    await admin.delete({ resource: RESOURCE_SLICES, name: first?.metadata.name ?? '' });
    await eventually(
      'slice is back',
      async () => {
        const slices = await slicesOf(admin);
        return slices.length === 3 && slices.every(({ spec }) => spec.pool.generation === 2);
      },
      PATIENCE_MS,
    );
    const list = { strings: ['pci0000:00'] };
    publisher.setDevices(
      cpuDevices(200).map((device) => ({
        ...device,
        attributes: { ...device.attributes, 'resource.kubernetes.io/pcieRoot': list },
      })),
    );
    await eventually('four slices', async () => (await slicesOf(admin)).length === 4, PATIENCE_MS);
    await untilState(publisher, 'published');
    assert.deepEqual(
      (await slicesOf(admin)).map(({ spec }) => spec.devices?.length),
      [64, 64, 64, 8],
    );
    publisher.setDevices([
      groupedDevice('cpudevnuma000', 8),
      { name: 'long', attributes: { 'dra.cpu/text': { string: 'x'.repeat(65) } } },
      { name: 'Wrong_Name', attributes: {} },
    ]);
    await untilState(publisher, 'degraded');
    const names = (await slicesOf(admin)).flatMap(({ spec }) => (spec.devices ?? []).map(({ name }) => name));
    assert.deepEqual(names, ['cpudevnuma000', 'long']);
    await publisher.stop({ removeSlices: true });
    assert.deepEqual(await slicesOf(admin), []);
  });

  it('shows device status beside that of others, within the permissions that the driver is given', async (t) => {
    const kubernetes = await Kubernetes.start(t, {});
    const { admin } = kubernetes;
    const driver = kubernetes.client('driver-token');
    const warnings: string[] = [];
    const warn = (_message: string, fields: object = {}) => void warnings.push(JSON.stringify(fields));
    const log: Log = { error: warn, warn, info: () => {}, debug: warn };
    const newWriter = (client: ApiClient, driverName: string) => {
      const writer = new ClaimStatusWriter({ client, driverName, log });
      t.after(() => writer.stop());
      return writer;
    };
    const { metadata } = await allocate(admin, 'db', ['dra.cpu', 'dra.net']);
    const claim = { namespace, name: 'db', uid: metadata.uid };
    const condition = { type: 'Ready', status: 'True', reason: 'Pinned', message: '' } as const;
    const status = (device: string, data: Record<string, unknown>) => [
      { pool: 'n1', device, data, conditions: [condition] },
    ];
    const shown = async () => {
      const { status: now } = await admin.get<Claim>({ resource: RESOURCE_CLAIMS, namespace, name: 'db' });
      return now?.devices?.map(({ driver: by, data, conditions }) => [by, data, conditions?.length]);
    };
    const others = newWriter(admin, 'dra.net');
    others.set(claim, status('dev1', { ip: '10.0.0.1' }));
    await others.idle();
    assert.deepEqual(await shown(), [['dra.net', { ip: '10.0.0.1' }, 1]]);

    const ours = newWriter(driver, 'dra.cpu');
    ours.set(claim, status('dev0', { cpus: '2-3' }));
    await ours.idle();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /403 Forbidden.*resourceclaims/);

    const rules = [
      { apiGroups: ['resource.k8s.io'], resources: ['resourceclaims'], verbs: ['get'] },
      { apiGroups: ['resource.k8s.io'], resources: ['resourceclaims/status'], verbs: ['patch'] },
    ];
    const roles = { resource: rbac('clusterroles', 'ClusterRole') };
    await admin.create(roles, { metadata: { name: 'driver' }, rules });
    await admin.create(
      { resource: rbac('clusterrolebindings', 'ClusterRoleBinding') },
      {
        metadata: { name: 'driver' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'driver' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'driver' }],
      },
    );
    const tryAgain = async () => {
      // A writer complains once; a new one says what is missing now.
      const writer = newWriter(driver, 'dra.cpu');
      writer.set(claim, status('dev0', { cpus: '2-3' }));
      await writer.idle();
      return writer;
    };
    await eventually(
      'the rest of the permissions is named',
      async () => {
        await tryAgain();
        return warnings.some((text) => text.includes('requires resource=\\"resourceclaims/driver\\"'));
      },
      PATIENCE_MS,
    );

    // The user of this test is no service account of a node, so it needs the verb for claims of any node.
    const own = { apiGroups: ['resource.k8s.io'], resources: ['resourceclaims/driver'], resourceNames: ['dra.cpu'] };
    const body = { rules: [...rules, { ...own, verbs: ['arbitrary-node:patch'] }] };
    await admin.patch({ ...roles, name: 'driver' }, { type: 'merge', body });
    const again = await eventually(
      'shown',
      async () => {
        const writer = await tryAgain();
        return (await shown())?.length === 2 && writer;
      },
      PATIENCE_MS,
    );
    assert.deepEqual(await shown(), [
      ['dra.net', { ip: '10.0.0.1' }, 1],
      ['dra.cpu', { cpus: '2-3' }, 1],
    ]);
    again.remove(claim);
    await again.idle();
    assert.deepEqual(await shown(), [['dra.net', { ip: '10.0.0.1' }, 1]]);
    assert.notEqual(await fetchClaim(driver, claim), undefined);
    assert.equal(await fetchClaim(driver, { ...claim, name: 'none' }), undefined);
    assert.equal(await fetchClaim(driver, { namespace: 'none', name: 'none' }), undefined);

    const recorder = new EventRecorder({
      client: admin,
      driverName: 'dra.cpu',
      nodeName: 'n1',
      log,
      countIntervalMs: 100,
    });
    t.after(() => recorder.stop());
    const regarding = { kind: 'ResourceClaim', ...claim } as const;
    const event = { regarding, type: 'Warning', reason: 'NotEnoughCPUs', message: 'x'.repeat(3_000) } as const;
    recorder.record(event);
    await recorder.idle();
    recorder.record(event);
    type Event = ApiObject & { count: number };
    const fieldSelector = `involvedObject.uid=${claim.uid}`;
    await eventually(
      'counted',
      async () => {
        const { items } = await admin.list<Event>({ resource: EVENTS, namespace }, { fieldSelector });
        return items.length === 1 && items[0]?.count === 2;
      },
      PATIENCE_MS,
    );
  });
});
