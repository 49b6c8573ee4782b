import type { Assignment, PreparedClaim } from '../claims/prepared-claim.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuTopology } from '../topology/topology.ts';
import type { DeviceHealth } from './health.ts';
import { nameCpus, verbFor } from '../lib/count.ts';

/** A condition of a device in a claim's status (metav1.Condition without times). */
export interface StatusCondition {
  /** `Unused` and `Mismatched` are there only while they hold. */
  readonly type: 'Ready' | 'Aligned' | 'Drifted' | 'Unused' | 'Mismatched';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** What a claim's status tells of one of its devices (KEP-4817, resource.k8s.io/v1 AllocatedDeviceStatus). */
export interface DeviceStatus {
  readonly pool: string;
  readonly device: string;
  readonly shareId?: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly conditions: readonly StatusCondition[];
}

/** The ids that the CPUs have, in ascending order. */
function distinctIds(ids: readonly (number | undefined)[]): number[] {
  return [...new Set(ids.filter((id) => id !== undefined))].sort((a, b) => a - b);
}

function judgeAlignment(cpus: CpuSet, topology: CpuTopology): StatusCondition {
  const nodes = topology.numaNodes.filter((node) => node.cpus.intersects(cpus));
  const broken = topology.cores.filter((core) => core.cpus.intersects(cpus) && !core.cpus.isSubsetOf(cpus));
  const shared = CpuSet.unionOf(broken.map((core) => core.cpus.difference(cpus)));
  const where = `${nameCpus(cpus)} ${verbFor(cpus.size, 'is', 'are')} of NUMA ${nodes.length === 1 ? 'node' : 'nodes'} ${nodes.map(({ numaNode }) => numaNode).join(', ')}`;
  const message = shared.isEmpty
    ? where
    : `${where}; ${verbFor(cpus.size, 'its core also has', 'their cores also have')} ${nameCpus(shared)}`;
  return nodes.length === 1
    ? { type: 'Aligned', status: 'True', reason: 'SingleNUMANode', message }
    : { type: 'Aligned', status: 'False', reason: 'SeveralNUMANodes', message };
}

function judgeDrifted(health: DeviceHealth | undefined): StatusCondition {
  return health?.health === 'Unhealthy'
    ? { type: 'Drifted', status: 'True', reason: 'NotOnItsCPUs', message: health.message }
    : { type: 'Drifted', status: 'False', reason: 'OnItsCPUs', message: 'no container was found on other CPUs' };
}

function describeAssignment(
  { pool, device, shareId, cpus, policy, why }: Assignment,
  { memoryNodes, sharesPool }: PreparedClaim,
  {
    topology,
    health,
    usage,
  }: {
    readonly topology: CpuTopology;
    readonly health: DeviceHealth | undefined;
    readonly usage: readonly StatusCondition[];
  },
): DeviceStatus {
  const own = topology.cpus.filter(({ cpu }) => cpus.has(cpu));
  const besides = sharesPool ? '; its container runs on the shared CPUs, too' : '';
  return {
    pool,
    device,
    ...(shareId === undefined ? {} : { shareId }),
    data: {
      cpuset: cpus.toString(),
      cores: distinctIds(own.map(({ core }) => core)),
      numaNodes: distinctIds(own.map(({ numaNode }) => numaNode)),
      l3Caches: distinctIds(own.map(({ l3Cache }) => l3Cache)),
      ...(memoryNodes && { memoryNodes: memoryNodes.toArray() }),
      ...(sharesPool && { sharedCPUs: true }),
      ...(policy === undefined ? {} : { policy }),
      ...(why === undefined ? {} : { why }),
    },
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'Prepared',
        message: `${nameCpus(cpus)} ${verbFor(cpus.size, 'is', 'are')} reserved for this claim${besides}`,
      },
      judgeAlignment(cpus, topology),
      judgeDrifted(health),
      ...usage,
    ],
  };
}

/**
 * What a prepared claim's status tells: which CPUs each device gave, how they lie, and how containers use them (`usage`, for each
 * device alike). Administrative access takes none.
 */
export function describeClaimStatus(
  claim: PreparedClaim,
  topology: CpuTopology,
  health: readonly DeviceHealth[],
  usage: readonly StatusCondition[] = [],
): DeviceStatus[] {
  return claim.assignments
    .filter(({ cpus }) => !cpus.isEmpty)
    .map((one) => {
      const ofDevice = health.find(({ deviceName }) => deviceName === one.device);
      return describeAssignment(one, claim, { topology, health: ofDevice, usage });
    });
}
