import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { OwnerReference } from '../api-object.ts';
import { findDroppedFields, withoutRefused } from './slice-content.ts';
import { type DesiredPool, layOutSlices, type PoolPlan, planPool, type StoredSlice } from './slice-pool.ts';
import { cpuDevices, groupedDevice } from '../testing/cluster.ts';

const OWNER: OwnerReference = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'node', controller: true };

/** What the API server would have made of a plan's writes; `limit` of them happen before the process dies. */
function carryOut(stored: readonly StoredSlice[], plan: PoolPlan, limit: number): StoredSlice[] {
  const slices = new Map(stored.map((slice) => [slice.metadata.uid, slice]));
  let serial = 0;
  const remove = plan.remove.map(
    ({ metadata }) =>
      () =>
        void slices.delete(metadata.uid),
  );
  const update = plan.update.map(({ stored: { metadata }, body }) => () => {
    slices.set(metadata.uid, body as StoredSlice);
  });
  const create = plan.create.map(({ body }) => () => {
    const { metadata, ...rest } = body as { metadata: { generateName: string } } & StoredSlice;
    const uid = `new-${plan.generation}-${(serial += 1)}`;
    const name = `${metadata.generateName}${uid}`;
    slices.set(uid, { ...rest, metadata: { ...metadata, name, uid, resourceVersion: '1' } });
  });
  for (const write of [...remove, ...update, ...create].slice(0, limit)) write();
  return [...slices.values()];
}

const deviceLists = fc.array(fc.array(fc.constantFrom(...cpuDevices(4)), { maxLength: 2 }), { maxLength: 4 });
const storedSlices = fc
  .array(
    fc.record({
      name: fc.constantFrom('00000-dra.cpu-n1-', '00001-dra.cpu-n1-', '00002-dra.cpu-n1-', 'n1-dra.cpu-', '00000a-x-'),
      owner: fc.constantFrom(OWNER, { ...OWNER, uid: 'older' }, undefined),
      pool: fc.constantFrom('n1', 'n1', 'other'),
      generation: fc.integer({ min: 0, max: 3 }),
      count: fc.integer({ min: 1, max: 3 }),
      devices: fc.array(fc.constantFrom(...cpuDevices(4)), { maxLength: 2 }),
    }),
    { maxLength: 5 },
  )
  .map((entries) =>
    entries.map(({ name, owner, pool, generation, count, devices }, index): StoredSlice => {
      const metadata = { name: `${name}${index}`, uid: `old-${index}`, resourceVersion: '1' };
      return {
        metadata: owner === undefined ? metadata : { ...metadata, ownerReferences: [owner] },
        spec: {
          driver: 'dra.cpu',
          nodeName: 'n1',
          pool: { name: pool, generation, resourceSliceCount: count },
          devices,
        },
      };
    }),
  );

function desire(slices: DesiredPool['slices']): DesiredPool {
  return { driverName: 'dra.cpu', nodeName: 'n1', nodeUid: 'node', slices };
}

function isEmpty({ remove, update, create }: PoolPlan): boolean {
  return remove.length + update.length + create.length === 0;
}

describe('planPool', () => {
  it('ends with the desired pool from whatever is stored, also after dying half-way', () => {
    fc.assert(
      fc.property(storedSlices, deviceLists, fc.nat({ max: 8 }), (stored, lists, limit) => {
        const pool = desire(lists);
        const plan = planPool(stored, pool);
        const halfWay = carryOut(stored, plan, limit);
        const again = planPool(halfWay, pool);
        const done = carryOut(halfWay, again, Infinity);
        assert.ok(isEmpty(planPool(done, pool)));
        const inOrder = done.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
        assert.deepEqual(
          inOrder.map(({ spec }) => spec.devices),
          lists,
        );
        for (const { spec, metadata } of inOrder) {
          assert.deepEqual(spec.pool, { name: 'n1', generation: again.generation, resourceSliceCount: lists.length });
          assert.deepEqual(metadata.ownerReferences?.[0], OWNER);
        }
      }),
    );
  });

  it('gives a changed pool a generation that no stored slice has', () => {
    fc.assert(
      fc.property(storedSlices, deviceLists, (stored, lists) => {
        const { update, create, generation } = planPool(stored, desire(lists));
        if (update.length + create.length === 0) return;
        assert.ok(stored.every(({ spec }) => spec.pool.generation < generation));
        assert.equal(update.length + create.length, lists.length);
      }),
    );
  });

  it('takes the times of taints as the server gave them', () => {
    const taint = { key: 'dra.cpu/offline', effect: 'NoSchedule' };
    const devices = cpuDevices(1).map((device) => ({ ...device, taints: [taint] }));
    const pool = desire([devices]);
    const [slice] = carryOut([], planPool([], pool), Infinity);
    assert.ok(slice);
    const timed = devices.map((device) => ({ ...device, taints: [{ ...taint, timeAdded: '2026-01-01T00:00:00Z' }] }));
    assert.ok(isEmpty(planPool([{ ...slice, spec: { ...slice.spec, devices: timed } }], pool)));
  });
});

describe('layOutSlices', () => {
  it('keeps the order and the limits', () => {
    const taint = { key: 'a', effect: 'NoSchedule' };
    for (const [devices, lengths] of [
      [cpuDevices(0), []],
      [cpuDevices(128), [128]],
      [cpuDevices(129), [128, 1]],
      [cpuDevices(65).map((device, index) => (index === 64 ? { ...device, taints: [taint] } : device)), [64, 1]],
      [
        [groupedDevice('a', 1, ['pci0000:00']), ...cpuDevices(64)],
        [64, 1],
      ],
    ] as const) {
      const slices = layOutSlices(devices);
      assert.deepEqual(
        slices.map(({ length }) => length),
        lengths,
      );
      assert.deepEqual(slices.flat(), devices);
    }
  });
});

describe('findDroppedFields', () => {
  it('says nothing of what came back, even in another form', () => {
    const devices = [groupedDevice('a', 8, ['pci0000:00'])];
    assert.deepEqual(findDroppedFields(devices, structuredClone(devices)), []);
    const canonical = [{ ...devices[0], capacity: { 'dra.cpu/cpu': { value: '8000m' } }, extra: true }];
    assert.deepEqual(findDroppedFields(devices, canonical), []);
  });

  it('names a field that no gate is known for', () => {
    const device = { ...groupedDevice('a', 8), novelty: 1 };
    const [reason, ...others] = findDroppedFields([device], [groupedDevice('a', 8)]);
    assert.deepEqual(others, []);
    assert.match(reason ?? '', /does not keep the field "novelty" of devices$/);
  });
});

describe('withoutRefused', () => {
  const devices = cpuDevices(3);

  it('finds the device by the place of its slice', () => {
    const cause = { field: 'spec.devices[1].name', message: 'bad name' };
    assert.deepEqual(
      withoutRefused(devices, 1, [cause])?.devices.map(({ name }) => name),
      ['cpudev000', 'cpudev001'],
    );
    assert.deepEqual(withoutRefused(devices, 1, [cause])?.reasons, ['device "cpudev002" is not published: bad name']);
  });

  it('knows when nothing can be left out', () => {
    for (const field of ['spec.pool.name', 'spec.devices[7].name', 'spec.devices[0].attributes[absent]', '']) {
      assert.equal(withoutRefused(devices, 0, [{ field, message: 'no' }]), undefined, field);
    }
  });
});
