import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { claim, newCluster } from '../testing/cluster.ts';

const head = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } };

function newApplier(store = newCluster()) {
  const apply = (fieldManager: string, data: object, force = false) =>
    store.patch('configmaps', 'c', { type: 'apply', fieldManager, force, body: { ...head, data } });
  return { store, apply };
}

describe('server-side apply', () => {
  it('makes the object and notes who owns what', () => {
    const { apply } = newApplier();
    const made = apply('one', { a: '1' });
    assert.deepEqual(made['data'], { a: '1' });
    const [entry] = made.metadata.managedFields ?? [];
    assert.equal(entry?.manager, 'one');
    assert.deepEqual(entry?.fieldsV1, { 'f:data': { 'f:a': {} } });
  });

  it('removes what a manager no longer applies', () => {
    const { apply } = newApplier();
    apply('one', { a: '1', b: '2' });
    assert.deepEqual(apply('one', { a: '1' })['data'], { a: '1' });
  });

  it('leaves fields of other managers alone', () => {
    const { apply } = newApplier();
    apply('one', { a: '1' });
    assert.deepEqual(apply('two', { b: '2' })['data'], { a: '1', b: '2' });
    assert.deepEqual(apply('one', {})['data'], { b: '2' });
  });

  it('keeps a shared field until its last manager drops it', () => {
    const { apply } = newApplier();
    apply('one', { a: '1' });
    apply('two', { a: '1' });
    assert.deepEqual(apply('one', {})['data'], { a: '1' });
    assert.deepEqual(apply('two', {})['data'] ?? {}, {});
  });

  it('refuses another value for a field that is owned, unless forced', () => {
    const { apply } = newApplier();
    apply('one', { a: '1' });
    assert.throws(() => apply('two', { a: '2' }), {
      code: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "one": .data.a',
    });
    assert.deepEqual(apply('two', { a: '2' }, true)['data'], { a: '2' });
    assert.throws(() => apply('one', { a: '1' }), { code: 'Conflict' });
  });

  it('lets a plain update take a field', () => {
    const { store, apply } = newApplier();
    const made = apply('one', { a: '1', b: '2' });
    store.update('configmaps', { ...made, data: { a: '9', b: '2' } });
    assert.deepEqual(apply('two', { a: '2' })['data'], { a: '2', b: '2' });
  });

  it('changes nothing when nothing changes', () => {
    const { apply } = newApplier(newCluster({ now: () => new Date(0) }));
    const made = apply('one', { a: '1' });
    assert.equal(apply('one', { a: '1' }).metadata.resourceVersion, made.metadata.resourceVersion);
  });

  it('refuses unknown fields and another kind', () => {
    const { store, apply } = newApplier();
    apply('one', {});
    const patch = (body: object) => store.patch('configmaps', 'c', { type: 'apply', fieldManager: 'one', body });
    assert.throws(() => patch({ ...head, nope: 1 }), {
      code: 'BadRequest',
      message: /nope: field not declared in schema/,
    });
    assert.throws(() => patch({ ...head, kind: 'Pod' }), { code: 'BadRequest' });
  });

  it('lets drivers share the status of a claim, device by device', () => {
    const store = newCluster();
    const results = ['a', 'b'].map((driver) => ({ request: 'cpu', driver, pool: 'p', device: 'd' }));
    const made = store.create('resourceclaims', claim('c'));
    store.update(
      'resourceclaims',
      { ...made, status: { allocation: { devices: { results } } } },
      { subresource: 'status' },
    );
    const tell = (driver: string, devices: object[]) =>
      store.patch(
        'resourceclaims',
        'c',
        {
          type: 'apply',
          fieldManager: driver,
          body: {
            apiVersion: 'resource.k8s.io/v1',
            kind: 'ResourceClaim',
            metadata: { name: 'c' },
            status: { devices },
          },
        },
        { subresource: 'status' },
      ).status?.devices;
    const device = (driver: string, data: object) => ({ driver, pool: 'p', device: 'd', data });
    tell('a', [device('a', { cpuset: '0' })]);
    assert.equal(tell('b', [device('b', { nic: 'x' })])?.length, 2);
    assert.deepEqual(tell('a', [device('a', { cpuset: '1' })])?.[0]?.data, { cpuset: '1' });
    assert.deepEqual(tell('a', []), [device('b', { nic: 'x' })]);
  });
});
