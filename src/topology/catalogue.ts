import { buildMachine, type CoreBlueprint, type CpuNumbering } from './blueprint.ts';
import type { CpuTopology } from './topology.ts';

/** A well-known machine. */
export interface CatalogueMachine {
  readonly name: string;
  readonly summary: string;
  /** Where its facts are from, and which of them are inferred rather than seen. */
  readonly source: string;
  /** Builds it as Linux numbers it, with all CPUs online. */
  readonly build: () => CpuTopology;
}

/** A machine whose sockets are alike. */
interface ServerShape {
  readonly sockets: number;
  /** Cores of each NUMA node of a socket, in order. */
  readonly nodes: readonly number[];
  readonly threads: number;
  /** Cores that share a level 3 cache; undefined where the kernel lists none. */
  readonly coresPerL3?: number;
  readonly l3SizeMiB?: number;
  /** The kernel's number of a socket's caches in order of their CPUs; default: counted. */
  readonly l3Ids?: readonly number[];
  readonly coresPerCluster?: number;
  readonly numbering?: CpuNumbering;
  /** The number of a node; default: counted from socket to socket. */
  readonly nodeId?: (socket: number, index: number) => number;
  readonly memoryNodes?: readonly number[];
  readonly remoteDistance?: number;
}

function repeat(count: number, cores: number): number[] {
  return Array.from({ length: count }, () => cores);
}

/** The cores of one socket: their nodes, caches and numbers. */
function listSocketCores(shape: ServerShape, socket: number): CoreBlueprint[] {
  const { nodes, threads, coresPerL3, l3Ids, coresPerCluster } = shape;
  const nodeOf = nodes.flatMap((cores, index) =>
    repeat(cores, shape.nodeId?.(socket, index) ?? socket * nodes.length + index),
  );
  const cachesPerSocket = coresPerL3 === undefined ? 0 : Math.ceil(nodeOf.length / coresPerL3);
  // Numbers of caches in use on a socket end below a power of two (APIC ids): 12 caches with gaps fill 16 places.
  const l3Stride = l3Ids ? 2 ** Math.ceil(Math.log2(Math.max(...l3Ids) + 1)) : cachesPerSocket;
  return nodeOf.map((numaNode, index) => {
    const cache = coresPerL3 === undefined ? 0 : Math.floor(index / coresPerL3);
    const l3Id = l3Ids?.[cache] ?? cache;
    return {
      socket,
      numaNode,
      threads,
      coreId: l3Ids && coresPerL3 !== undefined ? l3Id * coresPerL3 + (index % coresPerL3) : index,
      ...(coresPerL3 !== undefined && { l3Cache: socket * l3Stride + l3Id }),
      ...(coresPerCluster !== undefined && {
        cluster: socket * nodeOf.length + Math.floor(index / coresPerCluster) * coresPerCluster,
      }),
    };
  });
}

function buildServer(shape: ServerShape): CpuTopology {
  return buildMachine({
    cores: Array.from({ length: shape.sockets }, (_, socket) => listSocketCores(shape, socket)).flat(),
    numbering: shape.numbering ?? 'threads-last',
    ...(shape.l3SizeMiB !== undefined && { l3SizeKiB: shape.l3SizeMiB * 1024 }),
    ...(shape.memoryNodes && { memoryNodes: shape.memoryNodes }),
    ...(shape.remoteDistance !== undefined && { remoteDistance: shape.remoteDistance }),
  });
}

/** A Raptor Lake desktop: P-cores of two adjacent threads, then E-cores, which share their level 2 cache by four. */
function buildHybridDesktop(pCores: number, eCores: number): CpuTopology {
  const common = { socket: 0, numaNode: 0, l3Cache: 0 };
  const p = Array.from({ length: pCores }, (_, i) => ({ ...common, threads: 2, coreId: 4 * i, cluster: 4 * i }));
  const e = Array.from({ length: eCores }, (_, i) => {
    const coreId = 4 * pCores + i;
    return { ...common, threads: 1, coreId, cluster: coreId - (i % 4), isEfficient: true };
  });
  return buildMachine({ cores: [...p, ...e], numbering: 'threads-adjacent', l3SizeKiB: 36 * 1024 });
}

const EPYC_MILAN = { sockets: 2, threads: 2, coresPerL3: 8, l3SizeMiB: 32, remoteDistance: 32 };
const EPYC_GENOA = { ...EPYC_MILAN, l3Ids: [0, 4, 8, 2, 6, 10, 3, 7, 11, 1, 5, 9] };
const EPYC_BERGAMO = { ...EPYC_MILAN, l3SizeMiB: 16 };
const EPYC_TURIN_DENSE = { ...EPYC_MILAN, coresPerL3: 16 };
const XEON_SPR = { sockets: 2, threads: 2, coresPerL3: 60, l3SizeMiB: 112.5 };
const XEON_GNR = { sockets: 2, threads: 2, coresPerL3: 128, l3SizeMiB: 504 };
const GRACE = { threads: 1, coresPerL3: 72, l3SizeMiB: 114 };
const GRAVITON4 = { threads: 1, coresPerL3: 96, l3SizeMiB: 36 };

const MILAN_SOURCE =
  'AMD EPYC 7003 tuning guide; caches and numbering as in the CPUID dump of a 2 x 7763 that hwloc keeps (tests/hwloc/x86)';
const GENOA_SOURCE = 'AMD EPYC 9004 tuning guide; order of the caches and numbering seen in dumps of 2 x 9654';
const XEON_SOURCE = 'Intel ARK; numbering as in dumps of two-socket Sapphire Rapids machines';
const GNR_SOURCE =
  'Intel ARK and the kernel’s sub-NUMA cluster detection (arch/x86/kernel/cpu/resctrl, Linux 6.13: three nodes a cache)';

const milan = (name: string, nodes: readonly number[], setting: string, inferred = ''): CatalogueMachine => ({
  name,
  summary: `2 x AMD EPYC 7763 (Milan), ${setting}`,
  source: `${MILAN_SOURCE}${inferred}`,
  build: () => buildServer({ ...EPYC_MILAN, nodes }),
});
const grace = (
  name: string,
  summary: string,
  shape: Pick<ServerShape, 'sockets' | 'memoryNodes'>,
): CatalogueMachine => ({
  name,
  summary,
  source: 'NVIDIA Grace performance tuning guide (lscpu and numactl listings)',
  build: () => buildServer({ ...GRACE, nodes: [72], ...shape }),
});

/** The machines by what they are. Names are lower case, settings of the firmware after the model. */
export const CATALOGUE: readonly CatalogueMachine[] = [
  milan('epyc-7763', [64], 'one NUMA node a socket (NPS1)'),
  milan('epyc-7763-nps2', repeat(2, 32), 'two NUMA nodes a socket (NPS2)', '; node boundaries inferred'),
  milan('epyc-7763-nps4', repeat(4, 16), 'four NUMA nodes a socket (NPS4)', '; node boundaries inferred'),
  milan('epyc-7763-l3-numa', repeat(8, 8), 'every L3 cache a NUMA node'),
  {
    name: 'epyc-9654',
    summary: '2 x AMD EPYC 9654 (Genoa), one NUMA node a socket (NPS1)',
    source: GENOA_SOURCE,
    build: () => buildServer({ ...EPYC_GENOA, nodes: [96] }),
  },
  {
    name: 'epyc-9654-nps4',
    summary: '2 x AMD EPYC 9654 (Genoa), four NUMA nodes a socket (NPS4)',
    source: `${GENOA_SOURCE}; node boundaries inferred from that order`,
    build: () => buildServer({ ...EPYC_GENOA, nodes: repeat(4, 24) }),
  },
  {
    name: 'epyc-9754',
    summary: '2 x AMD EPYC 9754 (Bergamo), one NUMA node a socket (NPS1)',
    source: 'AMD EPYC 9004 tuning guide; numbering inferred from Genoa',
    build: () => buildServer({ ...EPYC_BERGAMO, nodes: [128] }),
  },
  {
    name: 'epyc-9965-nps4',
    summary: '2 x AMD EPYC 9965 (Turin dense), four NUMA nodes a socket (NPS4), 768 CPUs',
    source: 'AMD EPYC 9005 tuning guide; numbering and node boundaries inferred from Genoa',
    build: () => buildServer({ ...EPYC_TURIN_DENSE, nodes: repeat(4, 48) }),
  },
  {
    name: 'xeon-8490h',
    summary: '2 x Intel Xeon Platinum 8490H (Sapphire Rapids), no sub-NUMA clusters',
    source: XEON_SOURCE,
    build: () => buildServer({ ...XEON_SPR, nodes: [60] }),
  },
  {
    name: 'xeon-8490h-snc4',
    summary: '2 x Intel Xeon Platinum 8490H (Sapphire Rapids), four sub-NUMA clusters; the L3 cache spans them',
    source: `${XEON_SOURCE}; nodes as published for SNC4`,
    build: () => buildServer({ ...XEON_SPR, nodes: repeat(4, 15) }),
  },
  {
    name: 'xeon-snc2-alternating',
    summary: '2 x 28-core Intel Xeon, two sub-NUMA clusters, neighbouring CPU numbers on alternating sockets',
    source: 'sysfs of a two-socket server with such firmware (nri-plugins test data)',
    build: () =>
      buildServer({
        sockets: 2,
        threads: 2,
        coresPerL3: 28,
        l3SizeMiB: 38.5,
        nodes: repeat(2, 14),
        numbering: 'round-robin',
        nodeId: (socket, index) => 2 * index + socket,
      }),
  },
  {
    name: 'xeon-6980p',
    summary: '2 x Intel Xeon 6980P (Granite Rapids), three unequal sub-NUMA clusters (SNC3, the default)',
    source: `${GNR_SOURCE}; numbering and core counts of the dies inferred`,
    build: () => buildServer({ ...XEON_GNR, nodes: [43, 43, 42] }),
  },
  {
    name: 'xeon-6980p-hex',
    summary: '2 x Intel Xeon 6980P (Granite Rapids), one NUMA node a socket (HEX)',
    source: `${GNR_SOURCE}; numbering inferred`,
    build: () => buildServer({ ...XEON_GNR, nodes: [128] }),
  },
  {
    name: 'xeon-6766e',
    summary: '2 x Intel Xeon 6766E (Sierra Forest), E-cores only, level 2 caches of four cores',
    source: 'Intel ARK and Xeon 6 product brief; numbering inferred',
    build: () =>
      buildServer({ sockets: 2, threads: 1, nodes: [144], coresPerL3: 144, l3SizeMiB: 108, coresPerCluster: 4 }),
  },
  {
    name: 'i9-13900k',
    summary: 'Intel Core i9-13900K (Raptor Lake), 8 P-cores and 16 E-cores',
    source: 'Intel ARK; numbers of clusters and cores as in hwloc’s dump of a Raptor Lake laptop',
    build: () => buildHybridDesktop(8, 16),
  },
  grace('grace-superchip', 'NVIDIA Grace superchip, two sockets of 72 cores', { sockets: 2 }),
  grace('gh200', 'NVIDIA GH200, 72 cores and eight GPU memory nodes', {
    sockets: 1,
    memoryNodes: [1, 2, 3, 4, 5, 6, 7, 8],
  }),
  {
    name: 'altra-q80',
    summary: '2 x Ampere Altra Q80, no L3 cache that the kernel lists, clusters of two cores',
    source: 'Ampere Altra documentation and published lscpu listings; clusters inferred from its PPTT',
    build: () => buildServer({ sockets: 2, threads: 1, nodes: [80], coresPerCluster: 2 }),
  },
  {
    name: 'graviton4',
    summary: 'AWS Graviton4, one socket (24xlarge)',
    source: 'AWS instance documentation; size of the L3 cache inferred',
    build: () => buildServer({ ...GRAVITON4, sockets: 1, nodes: [96] }),
  },
  {
    name: 'graviton4-2s',
    summary: 'AWS Graviton4, two sockets (48xlarge)',
    source: 'AWS instance documentation; numbering and size of the L3 cache inferred',
    build: () => buildServer({ ...GRAVITON4, sockets: 2, nodes: [96] }),
  },
  {
    name: 'power10-smt8',
    summary: 'IBM POWER10, 15 cores of eight threads; the L3 cache of a core as before Linux 5.16',
    source: 'Linux arch/powerpc (cacheinfo, smp), IBM Power10 data sheet; core count inferred',
    build: () =>
      buildServer({ sockets: 1, threads: 8, nodes: [15], coresPerL3: 1, l3SizeMiB: 8, numbering: 'threads-adjacent' }),
  },
  {
    name: 'vm-1',
    summary: 'virtual machine with one CPU and no L3 cache',
    source: 'sysfs of small guests (util-linux and ghw test data)',
    build: () => buildServer({ sockets: 1, threads: 1, nodes: [1] }),
  },
  {
    name: 'vm-2',
    summary: 'virtual machine with one core of two threads',
    source: 'common shape of x86 guests in public clouds, inferred',
    build: () => buildServer({ sockets: 1, threads: 2, nodes: [1], coresPerL3: 1 }),
  },
];
