/** Whether the permissions of the manifests are enough for the driver and no more, judged by a real kube-apiserver. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it, type TestContext } from 'node:test';
import { parseAllDocuments } from 'yaml';
import {
  type ApiObject,
  type ApiResource,
  NODES,
  RESOURCE_CLAIMS,
  RESOURCE_SLICES,
} from '../../src/apiserver/api-object.ts';
import { ClaimStatusWriter } from '../../src/apiserver/claims/claim-status.ts';
import type { ApiClient } from '../../src/apiserver/client.ts';
import { EventRecorder } from '../../src/apiserver/events/event-recorder.ts';
import { fetchClaim } from '../../src/apiserver/claims/fetch-claim.ts';
import { SlicePublisher } from '../../src/apiserver/slices/slice-publisher.ts';
import { groupedDevice } from '../../src/apiserver/testing/cluster.ts';
import type { Log } from '../../src/lib/log.ts';
import { eventually } from '../../src/lib/testing/eventually.ts';
import { Kubernetes, skipReason } from './testing/kubernetes.ts';

const PATIENCE_MS = 60_000;
const namespace = 'kube-system';
const core = (plural: string, kind: string): ApiResource => ({ group: '', version: 'v1', plural, kind });

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Kinds of the manifests that matter here, with their plurals. */
const PLURALS: Readonly<Record<string, string>> = {
  ServiceAccount: 'serviceaccounts',
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
  ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybindings',
};

async function install(admin: ApiClient): Promise<void> {
  const text = readFileSync('deployment/manifests/install.yaml', 'utf8');
  for (const document of parseAllDocuments(text)) {
    const manifest = document.toJS() as Manifest | null;
    const plural = PLURALS[manifest?.kind ?? ''];
    if (!manifest || plural === undefined) continue;
    const [version = '', group = ''] = manifest.apiVersion.split('/').reverse();
    const { namespace: where } = manifest.metadata;
    const resource = { group, version, plural, kind: manifest.kind };
    await admin.create(where === undefined ? { resource } : { resource, namespace: where }, manifest);
  }
}

/** The token that the kubelet would mount in the driver's pod on a node. */
async function requestToken(admin: ApiClient, nodeName: string): Promise<string> {
  const name = `dracpu-${nodeName}`;
  const spec = { nodeName, serviceAccountName: 'dracpu', containers: [{ name: 'dracpu', image: 'none' }] };
  const pod = await admin.create<ApiObject>({ resource: core('pods', 'Pod'), namespace }, { metadata: { name }, spec });
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name, uid: pod.metadata.uid };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { boundObjectRef } };
  const account = {
    resource: core('serviceaccounts', 'ServiceAccount'),
    namespace,
    name: 'dracpu',
    subresource: 'token',
  };
  const { status } = await admin.create<ApiObject & { status: { token: string } }>(account, body);
  return status.token;
}

function newPublisher(t: TestContext, client: ApiClient, nodeName: string): SlicePublisher {
  const log: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };
  const retry = { initialMs: 100, maxMs: 500 };
  const publisher = new SlicePublisher({ client, driverName: 'dra.cpu', nodeName, log, startJitterMs: 0, retry });
  publisher.setDevices([groupedDevice('cpudevnuma000', 8)]);
  publisher.start();
  t.after(() => publisher.stop());
  return publisher;
}

/** A claim with a device of the driver allocated on a node, as the scheduler writes it. */
async function allocate(admin: ApiClient, name: string, nodeName: string) {
  const where = { resource: RESOURCE_CLAIMS, namespace: 'default' };
  const spec = { devices: { requests: [{ name: 'cpu', exactly: { deviceClassName: 'dra.cpu' } }] } };
  const made = await admin.create<ApiObject>(where, { metadata: { name }, spec });
  const results = [{ request: 'cpu', driver: 'dra.cpu', pool: nodeName, device: 'cpudevnuma000' }];
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [nodeName] }];
  const allocation = { devices: { results }, nodeSelector: { nodeSelectorTerms: [{ matchFields }] } };
  await admin.update({ ...where, name, subresource: 'status' }, { ...made, status: { allocation } });
  return { namespace: 'default', name, uid: made.metadata.uid };
}

it('C8: the manifests let a driver do what it needs on its own node, and no more', {
  skip: skipReason,
  timeout: 600_000,
}, async (t) => {
  const kubernetes = await Kubernetes.start(t, {});
  const { admin } = kubernetes;
  for (const name of ['n1', 'n2']) await admin.create({ resource: NODES }, { metadata: { name } });
  await install(admin);
  const driver = kubernetes.client(await requestToken(admin, 'n1'));

  const own = newPublisher(t, driver, 'n1');
  await eventually('published', () => own.state.kind === 'published', PATIENCE_MS);
  const pool = { name: 'n2', generation: 1, resourceSliceCount: 1 };
  const strange = { metadata: { generateName: 'x-' }, spec: { driver: 'dra.cpu', nodeName: 'n2', pool, devices: [] } };
  await eventually(
    'the policy is in force',
    async () => {
      const writing = driver.create({ resource: RESOURCE_SLICES }, strange, { dryRun: true });
      return writing.then(
        () => false,
        () => true,
      );
    },
    PATIENCE_MS,
  );
  const other = newPublisher(t, driver, 'n2');
  const refused = await eventually(
    'refused by the policy',
    () => other.state.kind === 'failing' && other.state.reason.includes('another node') && other.state,
    PATIENCE_MS,
  );
  assert.equal(refused.code, 'Forbidden');
  assert.doesNotMatch(refused.reason, /ClusterRole/);
  await other.stop();

  const complaints: string[] = [];
  const complain = (_message: string, fields: object = {}) => void complaints.push(JSON.stringify(fields));
  const log: Log = { error: complain, warn: complain, info: () => {}, debug: complain };
  const writer = new ClaimStatusWriter({ client: driver, driverName: 'dra.cpu', log });
  t.after(() => writer.stop());
  const shown = (pool: string) => [{ pool, device: 'cpudevnuma000', data: { cpus: '2-3' }, conditions: [] }];
  const here = await allocate(admin, 'here', 'n1');
  writer.set(here, shown('n1'));
  await writer.idle();
  assert.deepEqual(complaints, []);
  const claim = (await fetchClaim(driver, here)) as { status?: { devices?: unknown[] } };
  assert.equal(claim.status?.devices?.length, 1);
  writer.remove(here);
  await writer.idle();
  assert.deepEqual(complaints, []);
  writer.set(await allocate(admin, 'there', 'n2'), shown('n2'));
  await writer.idle();
  assert.match(complaints.join('\n'), /resourceclaims\/driver/);

  complaints.length = 0;
  const recorder = new EventRecorder({
    client: driver,
    driverName: 'dra.cpu',
    nodeName: 'n1',
    log,
    countIntervalMs: 10,
  });
  t.after(() => recorder.stop());
  const event = {
    regarding: { kind: 'ResourceClaim', ...here },
    type: 'Warning',
    reason: 'Test',
    message: 'x',
  } as const;
  recorder.record(event);
  await recorder.idle();
  recorder.record(event);
  type Event = ApiObject & { readonly count?: number };
  await eventually(
    'counted',
    async () => {
      const { items } = await admin.list<Event>({ resource: core('events', 'Event'), namespace: 'default' });
      return items.some(({ count }) => count === 2);
    },
    PATIENCE_MS,
  );
  assert.deepEqual(complaints, []);

  for (const [plural, kind] of [
    ['secrets', 'Secret'],
    ['pods', 'Pod'],
    ['configmaps', 'ConfigMap'],
  ] as const) {
    await assert.rejects(driver.list({ resource: core(plural, kind), namespace }), { code: 'Forbidden' });
  }
  await own.stop({ removeSlices: true });
  assert.deepEqual((await admin.list({ resource: RESOURCE_SLICES })).items, []);
});
