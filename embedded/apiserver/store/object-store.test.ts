import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { claim, newCluster, pod, slice } from '../testing/cluster.ts';
import type { WatchEvent } from './watch-log.ts';

const allocation = {
  devices: { results: [{ request: 'cpu', driver: 'dra.cpu', pool: 'n1', device: 'cpudevnuma000' }] },
};

describe('ObjectStore.create', () => {
  it('fills in what the server owns and freezes the object', () => {
    const stored = newCluster({ now: () => new Date('2026-01-02T03:04:05.678Z') }).create('pods', pod('db'));
    assert.match(stored.metadata.uid, /^[0-9a-f-]{36}$/);
    assert.equal(stored.metadata.creationTimestamp, '2026-01-02T03:04:05Z');
    assert.equal(stored.metadata.namespace, 'default');
    assert.equal(stored.metadata.generation, 1);
    assert.equal(stored.status?.phase, 'Pending');
    assert.ok(Object.isFrozen(stored.spec.containers[0]));
  });

  it('gives every write a higher resourceVersion', () => {
    const store = newCluster();
    const versions = ['a', 'b', 'c'].map((name) => Number(store.create('pods', pod(name)).metadata.resourceVersion));
    assert.deepEqual(
      [...versions].sort((a, b) => a - b),
      versions,
    );
    assert.equal(store.resourceVersion, String(versions[2]));
  });

  it('generates a name', () => {
    const stored = newCluster().create('configmaps', { metadata: { generateName: 'made-' } });
    assert.match(stored.metadata.name, /^made-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    assert.equal(stored.metadata.generateName, 'made-');
  });

  it('stores nothing on a dry run', () => {
    const store = newCluster();
    store.create('pods', pod('db'), { dryRun: true });
    assert.equal(store.find('pods', 'db'), undefined);
  });

  const refusals: [string, string, object, string][] = [
    ['a name that is taken', 'namespaces', { metadata: { name: 'shop' } }, 'AlreadyExists'],
    [
      'a namespace that does not exist',
      'pods',
      { ...pod('db'), metadata: { name: 'db', namespace: 'nope' } },
      'NotFound',
    ],
    ['a name that is no DNS name', 'configmaps', { metadata: { name: 'Not_A_Name' } }, 'Invalid'],
    ['an object without a name', 'configmaps', { metadata: {} }, 'BadRequest'],
    ['an object of another kind', 'configmaps', { kind: 'Pod', metadata: { name: 'x' } }, 'BadRequest'],
    ['a resource it does not know', 'widgets', { metadata: { name: 'x' } }, 'NotFound'],
  ];
  for (const [what, resource, object, code] of refusals) {
    it(`refuses ${what} with ${code}`, () => assert.throws(() => newCluster().create(resource, object), { code }));
  }

  it('ignores a status where there is a status subresource', () => {
    const stored = newCluster().create('resourceclaims', { ...claim('c'), status: { allocation } });
    assert.equal(stored.status, undefined);
  });
});

describe('ObjectStore.update', () => {
  it('refuses a write that is based on an older state', () => {
    const store = newCluster();
    const first = store.create('configmaps', { metadata: { name: 'c' } });
    store.update('configmaps', { ...first, data: { a: '1' } });
    assert.throws(() => store.update('configmaps', { ...first, data: { a: '2' } }), { code: 'Conflict' });
  });

  it('refuses a write to an earlier object of the same name', () => {
    const store = newCluster();
    const first = store.create('configmaps', { metadata: { name: 'c' } });
    store.delete('configmaps', 'c');
    store.create('configmaps', { metadata: { name: 'c' } });
    const stale = { ...first, metadata: { ...first.metadata, resourceVersion: '' } };
    assert.throws(() => store.update('configmaps', stale), { code: 'Conflict', message: /UID in precondition/ });
  });

  it('makes no new version of what does not change', () => {
    const store = newCluster();
    const stored = store.create('configmaps', { metadata: { name: 'c' }, data: { a: '1' } });
    assert.equal(store.update('configmaps', structuredClone(stored)), stored);
  });

  it('counts a generation for a changed spec, none for labels', () => {
    const store = newCluster();
    const stored = store.create('resourceslices', slice('n1', []));
    const labelled = store.update('resourceslices', {
      ...stored,
      metadata: { ...stored.metadata, labels: { a: 'b' } },
    });
    assert.equal(labelled.metadata.generation, 1);
    const changed = store.update('resourceslices', {
      ...labelled,
      spec: { ...labelled.spec, devices: [{ name: 'a' }] },
    });
    assert.equal(changed.metadata.generation, 2);
  });

  it('keeps spec and status apart', () => {
    const store = newCluster();
    const stored = store.create('resourceclaims', claim('c'));
    const body = { ...stored, status: { allocation }, metadata: { ...stored.metadata, labels: { a: 'b' } } };
    const withStatus = store.update('resourceclaims', body, { subresource: 'status' });
    assert.deepEqual(withStatus.status, { allocation });
    assert.equal(withStatus.metadata.labels, undefined);
    const labelled = { ...withStatus.metadata, labels: { a: 'b' } };
    const withLabel = store.update('resourceclaims', { ...withStatus, metadata: labelled, status: {} });
    assert.deepEqual(withLabel.status, { allocation });
  });

  it('refuses to change the spec of a claim or its allocation', () => {
    const store = newCluster();
    const stored = store.create('resourceclaims', claim('c'));
    assert.throws(() => store.update('resourceclaims', { ...claim('c', { count: 2 }) }), {
      code: 'Invalid',
      message: /spec: Invalid value: field is immutable/,
    });
    const options = { subresource: 'status' };
    const allocated = store.update('resourceclaims', { ...stored, status: { allocation } }, options);
    const other = { devices: { results: [{ ...allocation.devices.results[0], device: 'cpudevnuma001' }] } };
    assert.throws(() => store.update('resourceclaims', { ...allocated, status: { allocation: other } }, options), {
      message: /status.allocation: Invalid value: field is immutable/,
    });
  });

  it('drops the status of devices together with their allocation', () => {
    const store = newCluster();
    const options = { subresource: 'status' };
    const { driver, pool, device } = allocation.devices.results[0]!;
    const status = { allocation, devices: [{ driver, pool, device, data: { cpuset: '0-3' } }] };
    const stored = store.create('resourceclaims', claim('c'));
    const told = store.update('resourceclaims', { ...stored, status }, options);
    assert.equal(told.status?.devices?.length, 1);
    const freed = store.update('resourceclaims', { ...told, status: { devices: status.devices } }, options);
    assert.deepEqual(freed.status, {});
  });
});

describe('ObjectStore.delete', () => {
  it('marks a pod that has a node, and removes it on the second deletion', () => {
    const store = newCluster({ now: () => new Date('2026-01-01T00:00:00Z') });
    store.create('pods', pod('db', { nodeName: 'n1', terminationGracePeriodSeconds: 7 }));
    const marked = store.delete('pods', 'db');
    assert.equal(marked.metadata.deletionTimestamp, '2026-01-01T00:00:07Z');
    assert.equal(marked.metadata.deletionGracePeriodSeconds, 7);
    assert.equal(store.delete('pods', 'db'), store.find('pods', 'db'));
    store.delete('pods', 'db', { gracePeriodSeconds: 0 });
    assert.equal(store.find('pods', 'db'), undefined);
  });

  it('removes a pod without a node, or one that has ended, at once', () => {
    const store = newCluster();
    store.create('pods', pod('a'));
    store.delete('pods', 'a');
    store.create('pods', pod('b', { nodeName: 'n1' }));
    store.patch('pods', 'b', { type: 'merge', body: { status: { phase: 'Succeeded' } } }, { subresource: 'status' });
    store.delete('pods', 'b');
    assert.deepEqual(store.list('pods').items, []);
  });

  it('waits for finalizers', () => {
    const store = newCluster();
    const made = store.create('configmaps', { metadata: { name: 'c', finalizers: ['example.com/hold'] } });
    store.delete('configmaps', 'c');
    const marked = store.get('configmaps', 'c');
    assert.notEqual(marked.metadata.deletionTimestamp, undefined);
    const more = { ...marked.metadata, finalizers: ['example.com/hold', 'example.com/late'] };
    assert.throws(() => store.update('configmaps', { ...marked, metadata: more }), { code: 'Invalid' });
    store.update('configmaps', { ...marked, metadata: { ...marked.metadata, finalizers: [] } });
    assert.equal(store.find('configmaps', made.metadata.name), undefined);
  });

  it('keeps to preconditions', () => {
    const store = newCluster();
    store.create('configmaps', { metadata: { name: 'c' } });
    assert.throws(() => store.delete('configmaps', 'c', { preconditions: { uid: 'other' } }), { code: 'Conflict' });
  });

  it('takes dependents along, but not those with another living owner', () => {
    const store = newCluster();
    const owners = ['a', 'b'].map((name) => store.create('configmaps', { metadata: { name } }));
    const refs = owners.map(({ metadata }) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: metadata.name,
      uid: metadata.uid,
    }));
    store.create('configmaps', { metadata: { name: 'one', ownerReferences: refs.slice(0, 1) } });
    store.create('configmaps', { metadata: { name: 'two', ownerReferences: refs } });
    store.delete('configmaps', 'a');
    assert.equal(store.find('configmaps', 'one'), undefined);
    assert.deepEqual(store.get('configmaps', 'two').metadata.ownerReferences, refs.slice(1));
    store.delete('configmaps', 'b');
    assert.equal(store.find('configmaps', 'two'), undefined);
  });

  it('empties a namespace before it goes, and takes nothing new into it', () => {
    const store = newCluster();
    store.create('pods', pod('db', { nodeName: 'n1' }), { namespace: 'shop' });
    store.create('configmaps', { metadata: { name: 'c' } }, { namespace: 'shop' });
    store.delete('namespaces', 'shop');
    assert.equal(store.find('configmaps', 'c', { namespace: 'shop' }), undefined);
    assert.throws(() => store.create('pods', pod('late'), { namespace: 'shop' }), { code: 'Forbidden' });
    store.delete('pods', 'db', { namespace: 'shop', gracePeriodSeconds: 0 });
    assert.equal(store.find('namespaces', 'shop'), undefined);
  });
});

describe('ObjectStore.act', () => {
  it('binds a pod once', () => {
    const store = newCluster();
    store.create('pods', pod('db'));
    const bind = (name: string) => store.act('pods', 'db', { target: { name } }, { subresource: 'binding' });
    assert.equal(bind('n1').spec.nodeName, 'n1');
    assert.throws(() => bind('n2'), { code: 'Conflict', message: /already assigned to node "n1"/ });
  });
});

describe('ObjectStore.watch', () => {
  const names = (events: WatchEvent[]) => events.map(({ type, object }) => `${type} ${object.metadata.name}`);

  it('shows what is there, then every write in order', () => {
    const store = newCluster();
    const events: WatchEvent[] = [];
    store.create('configmaps', { metadata: { name: 'old' } });
    const stop = store.watch('configmaps', (event) => events.push(event));
    store.create('configmaps', { metadata: { name: 'new' } });
    store.patch('configmaps', 'new', { type: 'merge', body: { data: { a: '1' } } });
    store.delete('configmaps', 'old');
    stop();
    store.create('configmaps', { metadata: { name: 'unseen' } });
    assert.deepEqual(names(events), ['ADDED old', 'ADDED new', 'MODIFIED new', 'DELETED old']);
    const versions = events.map(({ object }) => Number(object.metadata.resourceVersion));
    assert.deepEqual(
      versions,
      [...versions].sort((a, b) => a - b),
    );
  });

  it('resumes from a resourceVersion', () => {
    const store = newCluster();
    const { metadata } = store.create('configmaps', { metadata: { name: 'a' } });
    store.create('configmaps', { metadata: { name: 'b' } });
    const events: WatchEvent[] = [];
    store.watch('configmaps', (event) => events.push(event), { resourceVersion: metadata.resourceVersion });
    store.delete('configmaps', 'a');
    assert.deepEqual(names(events), ['ADDED b', 'DELETED a']);
  });

  it('shows objects as they enter and leave the selection', () => {
    const store = newCluster();
    const events: WatchEvent[] = [];
    store.watch('configmaps', (event) => events.push(event), { labelSelector: 'color=red' });
    store.create('configmaps', { metadata: { name: 'a' } });
    const paint = (color: string | null) =>
      store.patch('configmaps', 'a', { type: 'merge', body: { metadata: { labels: { color } } } });
    for (const color of ['red', 'blue', 'red', null]) paint(color);
    store.delete('configmaps', 'a');
    assert.deepEqual(names(events), ['ADDED a', 'DELETED a', 'ADDED a', 'DELETED a']);
  });

  it('tells all watchers the same order when one of them writes', () => {
    const store = newCluster();
    const events: WatchEvent[] = [];
    store.watch('configmaps', ({ type, object }) => {
      if (type === 'ADDED' && object.metadata.name === 'a') store.create('configmaps', { metadata: { name: 'b' } });
    });
    store.watch('configmaps', (event) => events.push(event));
    store.create('configmaps', { metadata: { name: 'a' } });
    assert.deepEqual(names(events), ['ADDED a', 'ADDED b']);
  });

  it('refuses to resume over forgotten writes', () => {
    const store = newCluster({ historyLength: 3 });
    const from = store.resourceVersion;
    for (let i = 0; i < 10; i++) store.create('configmaps', { metadata: { name: `c${i}` } });
    assert.throws(() => store.watch('configmaps', () => {}, { resourceVersion: from }), { code: 'Expired' });
    const recent = store.resourceVersion;
    store.watch('configmaps', () => {}, { resourceVersion: recent });
    store.forgetHistory();
    assert.throws(() => store.watch('configmaps', () => {}, { resourceVersion: from }), { code: 'Expired' });
  });
});

describe('ObjectStore events', () => {
  it('shows an event under both APIs', () => {
    const store = newCluster();
    const regarding = { kind: 'Pod', namespace: 'default', name: 'db', uid: 'u1' };
    const event = { metadata: { name: 'db.1' }, regarding, note: 'hello', reason: 'Told', type: 'Normal' };
    store.create('events.events.k8s.io', event);
    const core = store.list('events', { fieldSelector: 'involvedObject.uid=u1' }).items[0]!;
    assert.equal(core.apiVersion, 'v1');
    assert.equal(core.message, 'hello');
    const newer = store.get('events.events.k8s.io', 'db.1');
    assert.equal(newer.apiVersion, 'events.k8s.io/v1');
    assert.deepEqual(newer['regarding'], regarding);
    store.patch('events.events.k8s.io', 'db.1', { type: 'merge', body: { note: 'again' } });
    assert.equal(store.get('events', 'db.1').message, 'again');
  });
});
