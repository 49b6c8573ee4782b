import { countFree } from './census.ts';
import { chooseCells, type ReachLimit } from './cell-sets.ts';
import { type CoreRule, rankCpus, type SharedUse, type TableRequest } from './cell-tables.ts';
import type { Choice, PlacementRule } from './choice.ts';
import { visitTable } from './cost-table.ts';
import { shareByCost } from './even-shares.ts';
import type { PlacementRequest } from './placement-request.ts';
import { scoreCpus } from './score.ts';
import { keepL3 } from './single-domain.ts';
import type { Workspace } from './workspace.ts';

/** A choice to be improved by what its CPUs cost, among the CPUs of `words`. */
export interface CostRequest {
  readonly words: Uint32Array;
  readonly request: PlacementRequest;
  /** A choice by the policy alone: the others may not reach farther. */
  readonly plain: Choice;
  /** What each CPU costs by the wishes of the request. */
  readonly wishes: Float64Array;
  readonly use: SharedUse | undefined;
  /** Whether cores count before caches. */
  readonly coresFirst: boolean;
  /** Whether as many sockets and NUMA nodes, no farther apart, must be reached; else as many at most. */
  readonly sameReach: boolean;
}

const CORE_RULES: Readonly<Record<PlacementRequest['policy'], CoreRule>> = {
  packed: 'packed',
  'packed-no-l3': 'packed',
  spread: 'spread',
  distributed: 'packed',
  'full-cores': 'whole',
  'one-thread-per-core': 'one',
  'single-l3': 'packed',
  'single-numa-node': 'packed',
  'single-socket': 'packed',
};

function countCpus(words: Uint32Array): number {
  let count = 0;
  for (const word of words) for (let rest = word; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

/** Collects the cheapest CPUs of cores. */
function createTaker(request: TableRequest) {
  const words = new Uint32Array(request.census.index.wordCount);
  const take = (core: number, count: number) => {
    for (const cpu of rankCpus(request, core).slice(0, count)) {
      words[cpu >>> 5] = (words[cpu >>> 5] ?? 0) | (1 << (cpu & 31));
    }
  };
  return { words, take };
}

function toTableRequest(workspace: Workspace, cost: CostRequest, words: Uint32Array): TableRequest {
  countFree(workspace.before, words);
  const { wishes, use, coresFirst, request, plain } = cost;
  return {
    census: workspace.before,
    rule: CORE_RULES[request.policy],
    wishes,
    use,
    coresFirst,
    cpus: countCpus(plain.words),
  };
}

function chooseOf(workspace: Workspace, cost: CostRequest, words: Uint32Array): Choice | undefined {
  const request = toTableRequest(workspace, cost, words);
  const { sockets, numaNodes, distance } = cost.plain.score;
  const exactly = cost.sameReach;
  const limit: ReachLimit = { sockets, numaNodes, distance: exactly ? distance : Number.POSITIVE_INFINITY, exactly };
  const taker = createTaker(request);
  if (!chooseCells(request, limit, taker.take)) return undefined;
  return toChoice(workspace, taker.words, cost.plain.rule);
}

function toChoice({ before, index, score }: Workspace, words: Uint32Array, rule: PlacementRule): Choice {
  return { words, score: scoreCpus(index, words, before.coreFree, score), rule };
}

/** The CPUs of each L3 cache. */
function listL3s(workspace: Workspace, words: Uint32Array): Uint32Array[] {
  return Array.from({ length: workspace.index.l3Count }, (_, l3) => keepL3(workspace, words, (other) => other === l3));
}

function chooseEvenly(workspace: Workspace, cost: CostRequest, nodes: number): Choice | undefined {
  const request = toTableRequest(workspace, cost, cost.words);
  const { index } = workspace;
  const { sockets } = cost.plain.score;
  const shares = shareByCost({ ...request, nodes, sockets, group: cost.request.group ?? 1 });
  if (shares.length === 0) return undefined;
  const taker = createTaker(request);
  for (const { table, cpus } of shares) visitTable(table, cpus, taker.take);
  const given = shares.map(({ node, cpus }): [number, number] => [index.nodeIds[node] ?? 0, cpus]);
  return toChoice(workspace, taker.words, {
    ...cost.plain.rule,
    kind: 'even-shares',
    shares: new Map(given.sort(([a], [b]) => a - b)),
  });
}

/**
 * The choices of lowest cost that keep the shape the policy demands and reach no farther than the plain one; of several L3
 * caches where all must come of one, that of each.
 */
export function listByCost(workspace: Workspace, cost: CostRequest): Choice[] {
  const { request, plain, words } = cost;
  if (plain.rule.kind === 'even-shares') return [chooseEvenly(workspace, cost, plain.rule.shares.size) ?? []].flat();
  const domains = request.policy === 'single-l3' ? listL3s(workspace, words) : [words];
  const choices = domains.map((own) => chooseOf(workspace, cost, own) ?? []).flat();
  countFree(workspace.before, words);
  return choices;
}
