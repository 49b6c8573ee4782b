/** A file that names CPUs, as a list or as a mask. */
export interface CpuSetFile {
  readonly name: string;
  readonly form: 'list' | 'mask';
}

/** The files of `cpuN/topology/` that tell one fact: the number of a group and, in order of trust, its CPUs. */
export interface TopologyFamily {
  readonly idFile: string;
  readonly setFiles: readonly CpuSetFile[];
}

const list = (name: string): CpuSetFile => ({ name, form: 'list' });
const mask = (name: string): CpuSetFile => ({ name, form: 'mask' });

/**
 * The files by what they tell (Documentation/ABI/stable/sysfs-devices-system-cpu, Linux 6.18). The older names of the
 * same sets, `thread_siblings` and `core_siblings`, are all that kernels before 5.2 have; lists came with 2.6.26. Die sets
 * came with 5.2, clusters with 5.16.
 *
 * Masks come first, as in lscpu and lstopo: Linux cuts what a file says at one page (those of caches to this day,
 * cpumap_print_to_pagebuf in include/linux/cpumask.h), which a list of alternating CPUs exceeds from about 900 CPUs on.
 */
export const TOPOLOGY_FAMILIES = {
  socket: {
    idFile: 'physical_package_id',
    setFiles: [mask('package_cpus'), mask('core_siblings'), list('package_cpus_list'), list('core_siblings_list')],
  },
  die: { idFile: 'die_id', setFiles: [mask('die_cpus'), list('die_cpus_list')] },
  cluster: { idFile: 'cluster_id', setFiles: [mask('cluster_cpus'), list('cluster_cpus_list')] },
  core: {
    idFile: 'core_id',
    setFiles: [mask('core_cpus'), mask('thread_siblings'), list('core_cpus_list'), list('thread_siblings_list')],
  },
} as const satisfies Record<string, TopologyFamily>;

/** The kinds of group that `cpuN/topology/` tells of. */
export type TopologyKind = keyof typeof TOPOLOGY_FAMILIES;

/** The set files of a cache, `cache/indexN/`; of a NUMA node; of a PCI bus (drivers/pci/probe.c); of a PCI device. */
export const CACHE_SET_FILES = [mask('shared_cpu_map'), list('shared_cpu_list')] as const;
export const NODE_SET_FILES = [mask('cpumap'), list('cpulist')] as const;
export const BUS_SET_FILES = [mask('cpuaffinity'), list('cpulistaffinity')] as const;
export const DEVICE_SET_FILES = [mask('local_cpus'), list('local_cpulist')] as const;
