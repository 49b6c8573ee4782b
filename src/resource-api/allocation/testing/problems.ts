import type { Device, DeviceClass, DeviceConstraint, DeviceRequest, ResourceSlice } from '../../objects.ts';
import type { AllocationProblem } from '../allocation-problem.ts';
import { poolsOf } from '../device-pool.ts';
import { DeviceUsage } from '../device-usage.ts';

const metadata = { name: 'x', uid: 'x', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

/** A slice of a pool of one node. */
export function sliceOf(devices: readonly Device[], spec: Partial<ResourceSlice['spec']> = {}): ResourceSlice {
  const pool = { name: 'n1', generation: 1, resourceSliceCount: 1 };
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceSlice',
    metadata,
    spec: { driver: 'dra.cpu', nodeName: 'n1', pool, devices: [...devices], ...spec },
  };
}

/** A class for all devices of the driver, with configuration. */
const CPU_CLASS: DeviceClass = {
  apiVersion: 'resource.k8s.io/v1',
  kind: 'DeviceClass',
  metadata: { ...metadata, name: 'dra.cpu' },
  spec: {
    selectors: [{ cel: { expression: 'device.driver == "dra.cpu"' } }],
    config: [{ opaque: { driver: 'dra.cpu', parameters: { from: 'class' } } }],
  },
};

/** A problem of one claim named "default/c". */
export function problemOf(
  devices: readonly Device[],
  requests: readonly DeviceRequest[],
  more: { constraints?: readonly DeviceConstraint[]; usage?: DeviceUsage } = {},
): AllocationProblem {
  let shares = 0;
  const constraints = more.constraints ? { constraints: [...more.constraints] } : {};
  return {
    claims: [{ name: 'default/c', spec: { devices: { requests: [...requests], ...constraints } } }],
    devices: poolsOf([sliceOf(devices)]).devices,
    classes: new Map([['dra.cpu', CPU_CLASS]]),
    usage: more.usage ?? new DeviceUsage(),
    newShareId: () => `share-${++shares}`,
  };
}

/** A request for exactly this. */
export function exactly(name: string, details: object = {}): DeviceRequest {
  return { name, exactly: { deviceClassName: 'dra.cpu', ...details } };
}

/** A device that can be shared, with `cpus` CPUs on a NUMA node. */
export function numaDevice(numaNode: number, cpus: number, requestPolicy?: object): Device {
  return {
    name: `cpudevnuma00${numaNode}`,
    allowMultipleAllocations: true,
    attributes: { 'dra.cpu/numaNodeID': { int: numaNode } },
    capacity: { 'dra.cpu/cpu': { value: String(cpus), ...(requestPolicy ? { requestPolicy } : {}) } },
  };
}

/** A device that one claim takes as a whole: one CPU of a core on a NUMA node. */
export function cpuDevice(cpu: number, numaNode = 0): Device {
  const attributes = { numaNodeID: { int: numaNode }, coreID: { int: cpu >> 1 } };
  return { name: `cpudev${String(cpu).padStart(3, '0')}`, attributes };
}
