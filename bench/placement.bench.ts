/**
 * What a placement costs, on idle, fragmented and sparse machines of 64 to 1,024 CPUs, and how that grows. One JSON object a
 * line: `value` is the median of the batches, `baseline` the reference driver's figure where one was measured.
 */
import { CpuSet } from '../src/cpuset/cpu-set.ts';
import { type PlacementRequest, takeCpus } from '../src/placement/take-cpus.ts';
import { machineOf, type MachineShape, regularRows } from '../src/placement/testing/machines.ts';
import { parseSynthetic } from '../src/topology/synthetic.ts';
import type { CpuTopology } from '../src/topology/topology.ts';

interface Row {
  readonly bench: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline?: number;
  readonly target?: number;
}

const SHAPES: ReadonlyMap<number, MachineShape> = new Map([
  [64, { sockets: 2, nodesPerSocket: 1, l3sPerNode: 1, coresPerL3: 16, threadsPerCore: 2 }],
  [256, { sockets: 2, nodesPerSocket: 4, l3sPerNode: 2, coresPerL3: 8, threadsPerCore: 2 }],
  [512, { sockets: 2, nodesPerSocket: 4, l3sPerNode: 4, coresPerL3: 8, threadsPerCore: 2 }],
  [1024, { sockets: 2, nodesPerSocket: 4, l3sPerNode: 8, coresPerL3: 8, threadsPerCore: 2 }],
]);

/** Shares of the threads that are free, each at random. */
const FREE_SHARES = { empty: 1, fragmented: 0.6, sparse: 0.3 };

/** Nanoseconds a call of the reference driver (de98098), measured once on a machine with nothing else to do. */
const REFERENCE_NS: Readonly<Record<string, number>> = {
  'placement/packed/256/fragmented/63': 5_500_000,
  'placement/packed/512/empty/1': 1_400_000,
  'placement/packed/512/fragmented/63': 30_000_000,
  'placement/packed/1024/fragmented/63': 229_000_000,
  'placement/distributed/8-nodes/fragmented': 2_000_000,
  'placement/distributed/16-nodes/fragmented': 450_000_000,
};

/** The targets of the project, in nanoseconds. */
const PACKED_TARGETS_NS: Readonly<Record<number, number>> = { 512: 20_000, 1024: 50_000 };
const DISTRIBUTED_TARGET_NS = 200_000;

/** A small generator with a fixed seed, so that every run has the same machines (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function freeShare(topology: CpuTopology, share: number): CpuSet {
  const random = createRandom(42);
  return share === 1 ? topology.online : CpuSet.from([...topology.online].filter(() => random() < share));
}

const BATCHES = 15;
const BATCH_NS = 4_000_000;

function timeCalls(calls: number, call: () => unknown): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i += 1) call();
  return Number(process.hrtime.bigint() - start) / calls;
}

/** Nanoseconds a call: the median of `BATCHES` batches of about `BATCH_NS`, after one that warms up. */
function measureNs(call: () => unknown): number {
  const calls = Math.max(1, Math.round(BATCH_NS / timeCalls(200, call)));
  const times = Array.from({ length: BATCHES }, () => timeCalls(calls, call)).sort((a, b) => a - b);
  return times[BATCHES >> 1] ?? 0;
}

/** Bytes a call allocates: the median over batches too short for a collection to start in most of them. */
function measureBytes(call: () => unknown): number {
  const calls = 100;
  const sizes = Array.from({ length: 9 }, () => {
    const before = process.memoryUsage();
    for (let i = 0; i < calls; i += 1) call();
    const after = process.memoryUsage();
    return (after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers) / calls;
  }).sort((a, b) => a - b);
  return sizes[4] ?? 0;
}

function print(row: Row): void {
  process.stdout.write(`${JSON.stringify({ ...row, value: Number(row.value.toPrecision(4)) })}\n`);
}

function report(bench: string, call: () => unknown, target: number | undefined): number {
  const ns = measureNs(call);
  const baseline = REFERENCE_NS[bench];
  print({
    bench,
    value: ns,
    unit: 'ns/call',
    ...(baseline === undefined ? {} : { baseline }),
    ...(target === undefined ? {} : { target }),
  });
  return ns;
}

function benchPacked(): void {
  const nsBySize = new Map<string, number>();
  for (const [size, shape] of SHAPES) {
    const topology = machineOf(regularRows(shape));
    for (const [state, share] of Object.entries(FREE_SHARES)) {
      const free = freeShare(topology, share);
      for (const cpus of [1, 8, 63, 128]) {
        if (cpus > free.size) continue;
        const request: PlacementRequest = { free, cpus, policy: 'packed' };
        const bench = `placement/packed/${size}/${state}/${cpus}`;
        nsBySize.set(
          `${size}/${state}/${cpus}`,
          report(bench, () => takeCpus(topology, request), PACKED_TARGETS_NS[size]),
        );
        if (cpus === 63)
          print({
            bench: `${bench}/allocated`,
            value: measureBytes(() => takeCpus(topology, request)),
            unit: 'bytes/call',
          });
      }
    }
  }
  for (const state of Object.keys(FREE_SHARES)) {
    const growth = (nsBySize.get(`1024/${state}/63`) ?? 0) / (nsBySize.get(`256/${state}/63`) ?? 1);
    print({ bench: `placement/packed/growth-256-to-1024/${state}/63`, value: growth, unit: 'times' });
  }
}

function benchDistributed(): void {
  for (const nodes of [2, 4, 8, 16]) {
    const shape = { sockets: 2, nodesPerSocket: nodes / 2, l3sPerNode: 1, coresPerL3: 8, threadsPerCore: 2 };
    const topology = machineOf(regularRows(shape));
    for (const state of ['empty', 'fragmented'] as const) {
      const free = freeShare(topology, FREE_SHARES[state]);
      const request: PlacementRequest = { free, cpus: Math.floor(free.size * 0.6), policy: 'distributed' };
      report(
        `placement/distributed/${nodes}-nodes/${state}`,
        () => takeCpus(topology, request),
        nodes === 16 ? DISTRIBUTED_TARGET_NS : undefined,
      );
    }
  }
}

/** What the kernel tells beyond the shape of the machine, and what requests may ask beyond a number: half-taken machines of 512 CPUs. */
function benchWishes(): void {
  const machines = {
    distances: parseSynthetic('pack:2 numa:4 l3:4 core:8 pu:2'),
    modules: parseSynthetic('pack:2 numa:4 l3:1 cluster:16 core:4'),
  };
  for (const [name, topology] of Object.entries(machines)) {
    const free = freeShare(topology, FREE_SHARES.fragmented);
    const others = topology.online.difference(free);
    const near = topology.numaNodes[0]?.cpus ?? CpuSet.empty;
    for (const cpus of [8, 63, 128]) {
      const packed = { free, cpus, policy: 'packed' } as const;
      const requests: Readonly<Record<string, PlacementRequest>> = {
        [name]: packed,
        [`${name}-near`]: { ...packed, near },
        [`${name}-avoid-sharing`]: { ...packed, avoidSharing: { domain: 'l3', others } },
      };
      for (const [kind, request] of Object.entries(requests)) {
        report(`placement/${kind}/512/fragmented/${cpus}`, () => takeCpus(topology, request), undefined);
      }
    }
  }
}

/** The first choice on a machine, before anything is compiled: what the first claim after a start waits for. */
function benchFirstCall(): void {
  const topology = machineOf(
    regularRows({ sockets: 2, nodesPerSocket: 4, l3sPerNode: 2, coresPerL3: 8, threadsPerCore: 2 }),
  );
  const free = freeShare(topology, 0.6);
  print({
    bench: 'placement/first-call/256',
    value: timeCalls(1, () => takeCpus(topology, { free, cpus: 63, policy: 'packed' })),
    unit: 'ns',
  });
}

benchFirstCall();
benchPacked();
benchDistributed();
benchWishes();
