import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { countFree } from './census.ts';
import type { Choice, Placement } from './choice.ts';
import { takeDistributed } from './distributed.ts';
import { takeFullCores } from './full-cores.ts';
import { takeOneThreadPerCore } from './one-thread-per-core.ts';
import { takePacked } from './packed.ts';
import { PlacementError } from './placement-error.ts';
import { type CpuWishes, findAllowed, findPreferred } from './preferences.ts';
import { type PlacementScore, scoreCpus } from './score.ts';
import { takeSingleDomain } from './single-domain.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

export type { Placement } from './choice.ts';
export { PlacementError } from './placement-error.ts';
export type { PlacementScore } from './score.ts';

/** Every way of choosing CPUs; docs/concepts/placement.md explains each. */
export const PLACEMENT_POLICIES = [
  'packed',
  'packed-no-l3',
  'spread',
  'distributed',
  'full-cores',
  'one-thread-per-core',
  'single-l3',
  'single-numa-node',
  'single-socket',
] as const;

/** How CPUs are chosen. */
export type PlacementPolicy = (typeof PLACEMENT_POLICIES)[number];

/**
 * What is wanted, and of what. `free` are the CPUs that may be taken (those not online are ignored), `coreType` takes CPUs
 * of that type only, `isolated` takes isolated CPUs (isolcpus=) first or only them (without it they are CPUs like all
 * others), `near` are CPUs to prefer, e.g. those local to a PCIe root.
 */
export interface PlacementRequest extends CpuWishes {
  /** How many, 1 or more. */
  readonly cpus: number;
  readonly policy: PlacementPolicy;
  /** `distributed` only: CPUs are handed out in groups of this size; default 1. */
  readonly group?: number;
  /** `distributed` only: over exactly this many NUMA nodes; default the fewest that can give even shares. */
  readonly nodes?: number;
  /** `full-cores` only: take up to a whole core more rather than refuse. */
  readonly roundUp?: boolean;
}

function checkRequest({ cpus, group, nodes }: PlacementRequest): void {
  if (!Number.isInteger(cpus) || cpus < 1) {
    throw new PlacementError('InvalidCase', `Cannot choose CPUs: ${cpus} are wanted; want a whole number, 1 or more`);
  }
  if (group !== undefined && (!Number.isInteger(group) || group < 1)) {
    throw new PlacementError('InvalidCase', `Cannot choose CPUs in groups of ${group}: want a whole number, 1 or more`);
  }
  if (nodes !== undefined && (!Number.isInteger(nodes) || nodes < 1)) {
    throw new PlacementError(
      'InvalidCase',
      `Cannot choose CPUs of ${nodes} NUMA nodes: want a whole number, 1 or more`,
    );
  }
}

/** Chooses by the request's policy among the CPUs of `words`, which must be enough. */
function chooseByPolicy(workspace: Workspace, words: Uint32Array, request: PlacementRequest): Choice {
  const { cpus, policy } = request;
  switch (policy) {
    case 'distributed':
      return takeDistributed(workspace, words, { cpus, group: request.group ?? 1, nodes: request.nodes });
    case 'full-cores':
      return takeFullCores(workspace, words, { cpus, roundUp: request.roundUp ?? false });
    case 'one-thread-per-core':
      return takeOneThreadPerCore(workspace, words, cpus);
    case 'single-l3':
      return takeSingleDomain(workspace, words, cpus, 'l3Caches');
    case 'single-numa-node':
      return takeSingleDomain(workspace, words, cpus, 'numaNodes');
    case 'single-socket':
      return takeSingleDomain(workspace, words, cpus, 'sockets');
    case 'packed':
    case 'packed-no-l3':
    case 'spread':
      countFree(workspace.before, words);
      return takePacked(workspace, cpus, { alignL3: policy === 'packed', spread: policy === 'spread' });
  }
}

/** Tries the policy on a set of CPUs; undefined where they are too few or do not have the shape it demands. */
function tryPolicy(workspace: Workspace, set: CpuSet, request: PlacementRequest): Choice | undefined {
  if (set.size < request.cpus) return undefined;
  try {
    return chooseByPolicy(workspace, set.toWords(), request);
  } catch (error) {
    if (error instanceof PlacementError && error.code === 'Unsatisfiable') return undefined;
    throw error;
  }
}

/** All of the preferred CPUs and the rest of the others. */
function fillUp(workspace: Workspace, preferred: CpuSet, allowed: CpuSet, request: PlacementRequest): Choice {
  const rest = { ...request, cpus: request.cpus - preferred.size };
  const choice = chooseByPolicy(workspace, allowed.difference(preferred).toWords(), rest);
  const words = CpuSet.fromWords(choice.words).union(preferred).toWords();
  return { ...choice, words };
}

/** Chooses of the preferred CPUs where they suffice; else all of them with others, unless that touches more sockets or nodes. */
function choosePreferred(
  workspace: Workspace,
  preferred: readonly CpuSet[],
  allowed: CpuSet,
  request: PlacementRequest,
): Choice {
  for (const set of preferred) {
    const choice = tryPolicy(workspace, set, request);
    if (choice) return choice;
  }
  const plain = chooseByPolicy(workspace, allowed.toWords(), request);
  const most = preferred.at(-1);
  const mayFillUp = request.policy === 'packed' || request.policy === 'packed-no-l3' || request.policy === 'spread';
  if (!most || !mayFillUp || most.size >= request.cpus) return plain;
  const filled = fillUp(workspace, most, allowed, request);
  const score = scoreOf(workspace, filled.words, allowed);
  const isFarther = score.sockets > plain.score.sockets || score.numaNodes > plain.score.numaNodes;
  return isFarther ? plain : { ...filled, score };
}

/**
 * Chooses CPUs. Pure and synchronous: nothing is reserved, the same request has the same answer.
 * @throws PlacementError `InvalidCase` for a request that makes no sense, `NotEnoughCPUs` when fewer CPUs are free than
 * wanted, `Unsatisfiable` when enough are free but not in the shape the policy demands.
 */
export function takeCpus(topology: CpuTopology, request: PlacementRequest): Placement {
  checkRequest(request);
  const workspace = openWorkspace(topology);
  const free = request.free.intersection(topology.online);
  const allowed = findAllowed(topology, { ...request, free });
  if (allowed.size < request.cpus) throw notEnough(allowed, request);
  const preferred = findPreferred(topology, allowed, request);
  const { words, score, rule } =
    preferred.length === 0
      ? chooseByPolicy(workspace, allowed.toWords(), request)
      : choosePreferred(workspace, preferred, allowed, request);
  const cpus = CpuSet.fromWords(words);
  const wished = preferred.at(-1);
  const isNarrowed = wished !== undefined || allowed.size < free.size;
  return {
    cpus,
    score: isNarrowed ? scoreOf(workspace, words, free) : score,
    rule,
    preferred: wished && cpus.intersection(wished).size,
  };
}

/** The score against all that was free: a choice among some of the CPUs does not see cores that others of them made whole. */
function scoreOf({ before, index, score }: Workspace, words: Uint32Array, free: CpuSet): PlacementScore {
  countFree(before, free.toWords());
  return scoreCpus(index, words, before.coreFree, score);
}

function notEnough(allowed: CpuSet, { cpus, coreType, isolated }: PlacementRequest): PlacementError {
  const kind = [isolated === 'require' ? 'isolated ' : '', coreType === undefined ? '' : `${coreType} `].join('');
  return new PlacementError('NotEnoughCPUs', `Cannot choose ${cpus} ${kind}CPUs: ${allowed.size} are free`);
}
