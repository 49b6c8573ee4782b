/**
 * The reference driver's answers on machines where its algorithm is sound (vectors/placement). An answer passes when it is
 * the same, or better in one column of the score and worse in none.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { parseCpuList } from '../../src/cpuset/parse.ts';
import type { CpuSet } from '../../src/cpuset/cpu-set.ts';
import {
  type Placement,
  PlacementError,
  type PlacementPolicy,
  type PlacementScore,
  takeCpus,
} from '../../src/placement/take-cpus.ts';
import { type CpuRow, machineOf } from '../../src/placement/testing/machines.ts';
import type { CpuTopology } from '../../src/topology/topology.ts';

/** Another folder of vectors in the same form may be named. */
const vectors = process.env['PLACEMENT_VECTORS']
  ? pathToFileURL(`${process.env['PLACEMENT_VECTORS']}/`)
  : new URL('../../../shared/vectors/placement/', import.meta.url);
const skip = existsSync(vectors) ? false : `no vectors at ${vectors.pathname}`;

interface VectorCase {
  readonly id: string;
  readonly topology: string;
  readonly free: string;
  readonly cpus: number;
  readonly policy: PlacementPolicy;
  readonly group?: number;
  readonly want?: string;
  readonly score?: PlacementScore;
  readonly error?: 'not enough';
}

type Verdict = 'equal' | 'better' | 'different';

function readVectors(): { topologies: Map<string, CpuTopology>; cases: VectorCase[] } {
  const read = (name: string) => readFileSync(new URL(name, vectors), 'utf8');
  const rows: Record<string, { cpus: CpuRow[] }> = JSON.parse(read('topologies.json'));
  return {
    topologies: new Map(Object.entries(rows).map(([name, { cpus }]) => [name, machineOf(cpus)])),
    cases: read('cases.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  };
}

/** The columns that count for the policy, lower is better; those of `distributed` start with how even the nodes' shares are. */
function columnsOf(topology: CpuTopology, policy: PlacementPolicy, cpus: CpuSet, score: PlacementScore): number[] {
  const { sockets, numaNodes, l3Caches, cores, brokenCores } = score;
  if (policy === 'spread') return [sockets, numaNodes, l3Caches, -cores];
  if (policy !== 'distributed') return [sockets, numaNodes, l3Caches, cores, brokenCores];
  const shares = sharesOf(topology, cpus).filter((share) => share > 0);
  return [Math.max(...shares) - Math.min(...shares), numaNodes, sockets, cores, brokenCores];
}

function judge(topology: CpuTopology, wanted: VectorCase, placement: Placement | undefined): Verdict {
  if (wanted.error !== undefined || !placement || wanted.want === undefined || !wanted.score) {
    return wanted.error !== undefined && !placement ? 'equal' : 'different';
  }
  if (placement.cpus.toString() === wanted.want) return 'equal';
  const ours = columnsOf(topology, wanted.policy, placement.cpus, placement.score);
  const theirs = columnsOf(topology, wanted.policy, parseCpuList(wanted.want), wanted.score);
  const isWorse = ours.some((value, i) => value > (theirs[i] ?? 0));
  return !isWorse && ours.some((value, i) => value < (theirs[i] ?? 0)) ? 'better' : 'different';
}

/** CPUs of each NUMA node. */
function sharesOf(topology: CpuTopology, cpus: CpuSet): number[] {
  return topology.numaNodes.map((node) => node.cpus.intersection(cpus).size);
}

/** Families of answers that differ and are not better, each with the reason and the sign by which a case belongs to it. */
const KNOWN_DIFFERENT: Readonly<
  Record<
    string,
    { readonly reason: string; explains(topology: CpuTopology, wanted: VectorCase, ours: CpuSet): boolean }
  >
> = {
  'distributed-set-overwritten': {
    reason:
      'Of several equally balanced sets of four or more nodes the reference means to keep the first. Its list of the chosen nodes ' +
      'shares memory with the lists tried afterwards, so that the last node of the kept set becomes the last node of all. ' +
      'Ours keeps the first set: the same shares, cores and broken cores, with one other node.',
    explains(topology, { policy, want, score }, ours) {
      if (policy !== 'distributed' || want === undefined || !score || score.numaNodes < 4) return false;
      const [own, other] = [sharesOf(topology, ours), sharesOf(topology, parseCpuList(want))];
      const onlyOwn = own.filter((share, node) => share > 0 && other[node] === 0);
      return onlyOwn.length === 1 && String(own.toSorted((a, b) => a - b)) === String(other.toSorted((a, b) => a - b));
    },
  },
};

function explainDifference(topology: CpuTopology, wanted: VectorCase, placement: Placement | undefined) {
  if (!placement || !wanted.score || wanted.want === undefined) return undefined;
  const ours = columnsOf(topology, wanted.policy, placement.cpus, placement.score);
  const theirs = columnsOf(topology, wanted.policy, parseCpuList(wanted.want), wanted.score);
  if (String(ours) !== String(theirs)) return undefined;
  return Object.keys(KNOWN_DIFFERENT).find((name) => KNOWN_DIFFERENT[name]?.explains(topology, wanted, placement.cpus));
}

function tryTake(topology: CpuTopology, { free, cpus, policy, group }: VectorCase): Placement | undefined {
  try {
    return takeCpus(topology, { free: parseCpuList(free), cpus, policy, ...(group === undefined ? {} : { group }) });
  } catch (error) {
    if (error instanceof PlacementError && error.code === 'NotEnoughCPUs') return undefined;
    throw error;
  }
}

test('takeCpus equals the reference or is better on every placement vector', { skip }, (t) => {
  const { topologies, cases } = readVectors();
  const counts = { equal: 0, better: 0, 'known-different': 0 };
  const known: string[] = [];
  const different: string[] = [];
  for (const wanted of cases) {
    const topology = topologies.get(wanted.topology);
    assert.ok(topology, `topology ${wanted.topology}`);
    const placement = tryTake(topology, wanted);
    const verdict = judge(topology, wanted, placement);
    const family = verdict === 'different' ? explainDifference(topology, wanted, placement) : undefined;
    counts[verdict === 'different' ? 'known-different' : verdict] += 1;
    if (family !== undefined) known.push(`${family} ${wanted.id}`);
    else if (verdict === 'different') different.push(wanted.id);
  }
  t.diagnostic(`${cases.length} vectors: ${JSON.stringify(counts)}; known-different: ${known.join(', ') || 'none'}`);
  assert.deepEqual(different, []);
});
