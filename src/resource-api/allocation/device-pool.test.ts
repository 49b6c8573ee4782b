import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { poolsOf } from './device-pool.ts';
import { cpuDevice, sliceOf } from './testing/problems.ts';

function pool(generation: number, resourceSliceCount: number) {
  return { pool: { name: 'n1', generation, resourceSliceCount } };
}

describe('poolsOf', () => {
  it('joins the slices of a pool', () => {
    const { devices } = poolsOf([sliceOf([cpuDevice(0)], pool(1, 2)), sliceOf([cpuDevice(1)], pool(1, 2))]);
    assert.deepEqual(
      devices.map(({ id }) => id),
      ['dra.cpu/n1/cpudev000', 'dra.cpu/n1/cpudev001'],
    );
  });

  it('takes the newest generation only', () => {
    const { devices } = poolsOf([
      sliceOf([cpuDevice(0)], pool(1, 1)),
      sliceOf([cpuDevice(1)], pool(2, 1)),
      sliceOf([cpuDevice(2)], pool(1, 1)),
    ]);
    assert.deepEqual(
      devices.map(({ device }) => device.name),
      ['cpudev001'],
    );
  });

  it('takes nothing from a pool that is being changed', () => {
    const { devices, incompletePools } = poolsOf([
      sliceOf([cpuDevice(0)], pool(1, 1)),
      sliceOf([cpuDevice(1)], pool(2, 2)),
    ]);
    assert.deepEqual(devices, []);
    assert.deepEqual(incompletePools, ['dra.cpu/n1']);
  });
});
