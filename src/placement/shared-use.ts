import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { SharedUse } from './cell-tables.ts';
import type { MachineIndex } from './machine-index.ts';
import type { AvoidSharing, SharedDomain } from './placement-request.ts';

/** CPUs of others by domain. */
interface UseCounts {
  readonly ofCore: Float64Array;
  readonly ofCluster: Float64Array;
  readonly ofL3: Float64Array;
}

/** How many domains are shared with others. */
export interface SharedDomains {
  readonly l3Caches: number;
  /** Level 2 caches; absent where the kernel reports none. */
  readonly clusters?: number;
  readonly cores: number;
}

/**
 * What a CPU of others weighs in a shared cache: that of the widest domain asked for counts first, then those within it. Sums stay below
 * 2 ** 53 for 8,192 CPUs.
 */
const WEIGHTS: Readonly<
  Record<SharedDomain, { readonly l3: number; readonly cluster: number; readonly core: number }>
> = {
  l3: { l3: 2 ** 26, cluster: 2 ** 13, core: 1 },
  l2: { l3: 0, cluster: 2 ** 13, core: 1 },
  core: { l3: 0, cluster: 0, core: 1 },
};

function l3Of({ l3OfCpu, leafL3, coreLeaf }: MachineIndex, cpu: number, core: number): number {
  return l3OfCpu?.[cpu] ?? leafL3[coreLeaf[core] ?? 0] ?? -1;
}

function add(counts: Float64Array, at: number): void {
  if (at >= 0) counts[at] = (counts[at] ?? 0) + 1;
}

function countUse(index: MachineIndex, others: CpuSet): UseCounts {
  const counts = {
    ofCore: new Float64Array(index.coreCount),
    ofCluster: new Float64Array(index.clusters?.sizes.length ?? 0),
    ofL3: new Float64Array(index.l3Count),
  };
  for (const cpu of others) {
    const core = index.coreOfCpu[cpu] ?? -1;
    if (core < 0) continue;
    add(counts.ofCore, core);
    add(counts.ofCluster, index.clusters?.ofCore[core] ?? -1);
    add(counts.ofL3, l3Of(index, cpu, core));
  }
  return counts;
}

/** The cluster of each leaf that is one, -1 of others. */
function findLeafClusters({ clusters, leafCores, leafCount }: MachineIndex): Int32Array {
  return Int32Array.from({ length: leafCount }, (_, leaf) => {
    const cores = leafCores.items.subarray(leafCores.starts[leaf], leafCores.starts[leaf + 1]);
    const cluster = clusters?.ofCore[cores[0] ?? -1] ?? -1;
    return cores.every((core) => clusters?.ofCore[core] === cluster) ? cluster : -1;
  });
}

/** What it costs a choice to touch each core, module and leaf, because of what others hold of them. */
export function weighUse(index: MachineIndex, { domain, others }: AvoidSharing): SharedUse {
  const weights = WEIGHTS[domain];
  const use = countUse(index, others);
  const { modules, clusters, leafL3, coreLeaf } = index;
  const weighCluster = (cluster: number) => (use.ofCluster[cluster] ?? 0) * weights.cluster;
  // Without modules every leaf is one cluster, or every core is.
  const leafClusters = modules ? undefined : findLeafClusters(index);
  const ownCluster = (core: number) =>
    !leafClusters || (leafClusters[coreLeaf[core] ?? 0] ?? -1) >= 0 ? -1 : (clusters?.ofCore[core] ?? -1);
  return {
    ofCore: use.ofCore.map((cpus, core) => cpus * weights.core + weighCluster(ownCluster(core))),
    ofModule: Float64Array.from(modules?.cluster ?? [], weighCluster),
    ofLeaf: Float64Array.from(
      leafL3,
      (l3, leaf) => (use.ofL3[l3] ?? 0) * weights.l3 + weighCluster(leafClusters?.[leaf] ?? -1),
    ),
  };
}

/** The cores, clusters and L3 caches of the CPUs of `words`. */
function findTouched(index: MachineIndex, words: Uint32Array) {
  const [cores, clusters, l3s] = [new Set<number>(), new Set<number>(), new Set<number>()];
  for (const [cpu, core] of index.coreOfCpu.entries()) {
    if (core < 0 || ((words[cpu >>> 5] ?? 0) & (1 << (cpu & 31))) === 0) continue;
    cores.add(core);
    clusters.add(index.clusters?.ofCore[core] ?? -1);
    l3s.add(l3Of(index, cpu, core));
  }
  return { cores, clusters, l3s };
}

function sumUse(touched: ReadonlySet<number>, use: Float64Array): number {
  return [...touched].reduce((sum, at) => sum + (use[at] ?? 0), 0);
}

/** What the CPUs of `words` share with others, weighed as by `weighUse`. */
export function weighSharing(index: MachineIndex, words: Uint32Array, { domain, others }: AvoidSharing): number {
  const weights = WEIGHTS[domain];
  const use = countUse(index, others);
  const { cores, clusters, l3s } = findTouched(index, words);
  return (
    sumUse(l3s, use.ofL3) * weights.l3 +
    sumUse(clusters, use.ofCluster) * weights.cluster +
    sumUse(cores, use.ofCore) * weights.core
  );
}

/** How many caches and cores of the CPUs of `words` others use, too. */
export function countShared(index: MachineIndex, words: Uint32Array, others: CpuSet): SharedDomains {
  const use = countUse(index, others);
  const { cores, clusters, l3s } = findTouched(index, words);
  const count = (touched: ReadonlySet<number>, of: Float64Array) =>
    [...touched].filter((at) => (of[at] ?? 0) > 0).length;
  return {
    l3Caches: count(l3s, use.ofL3),
    ...(index.clusters && { clusters: count(clusters, use.ofCluster) }),
    cores: count(cores, use.ofCore),
  };
}
