import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { countFree } from './census.ts';
import type { Choice, Placement } from './choice.ts';
import { chooseByPolicy, isSpread } from './choose-by-policy.ts';
import { choosePreferred } from './choose-preferred.ts';
import { costCpus, hasWishes } from './cpu-wishes.ts';
import { shareLess } from './less-shared.ts';
import { countShared } from './shared-use.ts';
import { PlacementError } from './placement-error.ts';
import { checkRequest, type PlacementRequest } from './placement-request.ts';
import { describeScore } from './placement-score.ts';
import { findAllowed } from './preferences.ts';
import { type Columns, scoreCpus } from './score.ts';
import { chooseOnSplitCores } from './split-cores.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

export type { Placement } from './choice.ts';
export { PlacementError } from './placement-error.ts';
export {
  type AvoidSharing,
  PLACEMENT_POLICIES,
  type PlacementPolicy,
  type PlacementRequest,
  SHARED_DOMAINS,
  type SharedDomain,
} from './placement-request.ts';
export type { PlacementScore } from './placement-score.ts';

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
  const { index } = workspace;
  const choice = index.hasSplitCores
    ? chooseOnSplitCores(topology, {
        policy: request.policy,
        free,
        spread: isSpread(request),
        choose: (own) => chooseOn(own, topology, { allowed, request }),
      })
    : chooseOn(workspace, topology, { allowed, request });
  const { words, rule } = choice;
  const isNarrowed = hasWishes(request) || allowed.size < free.size;
  const columns = isNarrowed && !index.hasSplitCores ? scoreOf(workspace, words, free) : choice.score;
  const cpus = CpuSet.fromWords(words);
  const placement = {
    cpus,
    score: describeScore(index, columns, { taken: words, free }),
    rule,
    preferred: hasWishes(request) ? countPreferred(topology, cpus, request) : undefined,
  };
  const { avoidSharing } = request;
  return avoidSharing ? { ...placement, shared: countShared(index, words, avoidSharing.others) } : placement;
}

/** What may be chosen, and how. */
interface AllowedRequest {
  readonly allowed: CpuSet;
  readonly request: PlacementRequest;
}

function chooseOn(workspace: Workspace, topology: CpuTopology, { allowed, request }: AllowedRequest): Choice {
  const { avoidSharing } = request;
  if (!hasWishes(request) && !avoidSharing) return chooseByPolicy(workspace, allowed.toWords(), request);
  const wishes = costCpus(topology, request);
  const choice = choosePreferred(workspace, topology, { allowed, request, wishes });
  return avoidSharing ? shareLess(workspace, avoidSharing, { choice, allowed, request, wishes }) : choice;
}

/** The score against all that was free: a choice among some of the CPUs does not see cores that others of them made whole. */
function scoreOf({ before, index, score }: Workspace, words: Uint32Array, free: CpuSet): Columns {
  countFree(before, free.toWords());
  return scoreCpus(index, words, before.coreFree, score);
}

/** How many of the CPUs are preferred ones; undefined where the request prefers none that the machine has. */
function countPreferred(topology: CpuTopology, cpus: CpuSet, { isolated, near }: PlacementRequest): number | undefined {
  const preferred = [isolated === 'prefer' ? topology.isolated : undefined, near?.intersection(topology.online)];
  const wished = CpuSet.unionOf(preferred.filter((set) => set !== undefined));
  return wished.isEmpty ? undefined : cpus.intersection(wished).size;
}

function notEnough(allowed: CpuSet, { cpus, coreType, isolated }: PlacementRequest): PlacementError {
  const kind = [isolated === 'require' ? 'isolated ' : '', coreType === undefined ? '' : `${coreType} `].join('');
  return new PlacementError('NotEnoughCPUs', `Cannot choose ${cpus} ${kind}CPUs: ${allowed.size} are free`);
}
