import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  CoreV1Api,
  EventsV1Api,
  KubeConfig,
  makeInformer,
  ResourceV1Api,
  VersionApi,
  type V1Pod,
} from '@kubernetes/client-node';
import { ApiServer } from './api-server.ts';
import { writeKubeconfig } from './kubeconfig.ts';

const namespace = 'default';

function pod(name: string): V1Pod {
  return { metadata: { name }, spec: { containers: [{ name: 'main', image: 'busybox' }] } };
}

describe('ApiServer with the official JavaScript client', () => {
  let server: ApiServer;
  let directory: string;
  const config = new KubeConfig();

  before(async () => {
    server = await ApiServer.start();
    directory = await mkdtemp(join(tmpdir(), 'client-'));
    const path = join(directory, 'kubeconfig');
    await writeKubeconfig(path, { server: server.url });
    config.loadFromFile(path);
  });
  after(async () => {
    await server.stop();
    await rm(directory, { recursive: true });
  });

  it('tells its version', async () => {
    assert.equal((await config.makeApiClient(VersionApi).getCode()).gitVersion, 'v1.36.0');
  });

  it('keeps pods', async () => {
    const api = config.makeApiClient(CoreV1Api);
    const made = await api.createNamespacedPod({ namespace, body: pod('db') });
    assert.ok(made.metadata?.creationTimestamp instanceof Date);
    const { items } = await api.listPodForAllNamespaces({ fieldSelector: 'metadata.name=db' });
    assert.deepEqual(
      items.map(({ metadata }) => metadata?.uid),
      [made.metadata?.uid],
    );
    if (made.metadata) made.metadata.labels = { a: 'b' };
    const replaced = await api.replaceNamespacedPod({ name: 'db', namespace, body: made });
    assert.deepEqual(replaced.metadata?.labels, { a: 'b' });
    await assert.rejects(api.replaceNamespacedPod({ name: 'db', namespace, body: made }), { code: 409 });
    await api.deleteNamespacedPod({ name: 'db', namespace });
    await assert.rejects(api.readNamespacedPod({ name: 'db', namespace }), { code: 404 });
  });

  it('keeps slices and claims of resource.k8s.io/v1', async () => {
    const api = config.makeApiClient(ResourceV1Api);
    const spec = {
      driver: 'dra.cpu',
      nodeName: 'n1',
      pool: { name: 'n1', generation: 1, resourceSliceCount: 1 },
      devices: [
        { name: 'cpudevnuma000', allowMultipleAllocations: true, attributes: { 'dra.cpu/numaNodeID': { _int: 0 } } },
      ],
    };
    const made = await api.createResourceSlice({ body: { metadata: { generateName: 'n1-dra.cpu-' }, spec } });
    assert.equal(made.metadata?.generation, 1);
    assert.equal(
      server.store.get('resourceslices', made.metadata?.name ?? '').spec.devices?.[0]?.allowMultipleAllocations,
      true,
    );
    const requests = [
      { name: 'cpu', exactly: { deviceClassName: 'dra.cpu', capacity: { requests: { 'dra.cpu/cpu': '2' } } } },
    ];
    const claim = await api.createNamespacedResourceClaim({
      namespace,
      body: { metadata: { name: 'c' }, spec: { devices: { requests } } },
    });
    assert.equal(claim.spec.devices?.requests?.[0]?.exactly?.count, 1);
    const { items } = await api.listNamespacedResourceClaim({ namespace });
    assert.equal(items.length, 1);
  });

  it('takes events of both APIs', async () => {
    const regarding = { kind: 'Pod', namespace, name: 'db', uid: 'u' };
    const body = { metadata: { name: 'db.1' }, regarding, note: 'hello', reason: 'Told', type: 'Normal' };
    await config
      .makeApiClient(EventsV1Api)
      .createNamespacedEvent({ namespace, body: { ...body, eventTime: null as never } });
    const { items } = await config.makeApiClient(CoreV1Api).listNamespacedEvent({ namespace });
    assert.deepEqual(
      items.map(({ message }) => message),
      ['hello'],
    );
  });

  it('feeds an informer', async (t) => {
    const api = config.makeApiClient(CoreV1Api);
    const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/pods`, () =>
      api.listNamespacedPod({ namespace }),
    );
    t.after(() => informer.stop());
    const seen: string[] = [];
    const gone = new Promise<void>((resolve) => {
      informer.on('add', (object) => seen.push(`add ${object.metadata?.name}`));
      informer.on('delete', (object) => {
        seen.push(`delete ${object.metadata?.name}`);
        resolve();
      });
    });
    await informer.start();
    server.store.create('pods', pod('watched'));
    server.store.delete('pods', 'watched');
    await gone;
    assert.deepEqual(seen, ['add watched', 'delete watched']);
  });
});
