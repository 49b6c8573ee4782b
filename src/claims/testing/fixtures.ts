import { CpuSet } from '../../cpuset/cpu-set.ts';
import type { Cpu, CpuTopology } from '../../topology/topology.ts';

/** A machine of `nodes` NUMA nodes (each its own socket and L3) of `cores` cores with two threads, second threads last. */
export function smtMachine({ nodes = 1, cores = 4 } = {}): CpuTopology {
  const coreCount = nodes * cores;
  const siblingsOf = (core: number) => CpuSet.of(core, core + coreCount);
  const nodeOf = (core: number) => Math.floor(core / cores);
  const cpus = Array.from({ length: coreCount * 2 }, (_, cpu): Cpu => {
    const core = cpu % coreCount;
    const node = nodeOf(core);
    return {
      cpu,
      socket: node,
      socketId: node,
      die: node,
      cluster: undefined,
      core,
      coreId: core % cores,
      numaNode: node,
      l3Cache: node,
      siblings: siblingsOf(core),
      coreType: 'standard',
      isolated: false,
    };
  });
  const cpusOfNode = (node: number) => CpuSet.from(cpus.filter((cpu) => cpu.numaNode === node).map((cpu) => cpu.cpu));
  const nodeIds = Array.from({ length: nodes }, (_, node) => node);
  return {
    cpus,
    sockets: nodeIds.map((node) => ({ socket: node, socketId: node, cpus: cpusOfNode(node) })),
    cores: Array.from({ length: coreCount }, (_, core) => ({
      core,
      coreId: core % cores,
      socket: nodeOf(core),
      cpus: siblingsOf(core),
    })),
    l3Caches: nodeIds.map((node) => ({ l3Cache: node, l3CacheId: node, cpus: cpusOfNode(node), sizeKiB: 32768 })),
    numaNodes: nodeIds.map((node) => ({
      numaNode: node,
      cpus: cpusOfNode(node),
      hasMemory: true,
      distances: undefined,
    })),
    pcieRoots: [{ pcieRoot: 'pci0000:00', cpus: cpusOfNode(0), numaNode: 0 }],
    online: CpuSet.range(0, coreCount * 2 - 1),
    offline: CpuSet.empty,
    isolated: CpuSet.empty,
    nohzFull: CpuSet.empty,
    problems: [],
  };
}

/** A ResourceClaim as the API server gives it, allocated to devices of pool `node-a`. */
export function allocatedClaim(
  uid: string,
  devices: readonly {
    device: string;
    cpus?: string;
    request?: string;
    driver?: string;
    shareID?: string;
    pool?: string;
    adminAccess?: boolean;
  }[],
): Record<string, unknown> {
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: { name: `claim-${uid}`, namespace: 'default', uid },
    spec: {},
    status: {
      allocation: {
        devices: {
          results: devices.map(
            ({ device, cpus, request = 'cpus', driver = 'dra.cpu', shareID, pool = 'node-a', adminAccess }) => ({
              request,
              driver,
              pool,
              device,
              ...(adminAccess === undefined ? {} : { adminAccess }),
              ...(shareID === undefined ? {} : { shareID }),
              ...(cpus === undefined ? {} : { consumedCapacity: { 'dra.cpu/cpu': cpus } }),
            }),
          ),
        },
      },
    },
  };
}
