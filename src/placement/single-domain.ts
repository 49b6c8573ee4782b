import type { Choice } from './choice.ts';
import { countFree } from './census.ts';
import { takeBestRegion } from './improve.ts';
import { takePacked } from './packed.ts';
import { PlacementError } from './placement-error.ts';
import { NO_LIMIT } from './region.ts';
import { scoreCpus } from './score.ts';
import type { Workspace } from './workspace.ts';
import { countOf } from '../lib/count.ts';

/** A kind of domain that can hold a whole request, by its column of the score. */
export type Domain = 'l3Caches' | 'numaNodes' | 'sockets';

const NAMES = { l3Caches: 'L3 cache', numaNodes: 'NUMA node', sockets: 'socket' } as const;

/** The CPUs of `words` whose L3 cache is as wanted; that of a CPU without a known one is -1. */
export function keepL3({ index }: Workspace, words: Uint32Array, isWanted: (l3: number) => boolean): Uint32Array {
  const { coreOfCpu, coreLeaf, leafL3, l3OfCpu } = index;
  const l3OfCore = (core: number) => (core < 0 ? -1 : (leafL3[coreLeaf[core] ?? 0] ?? -1));
  const kept = words.slice();
  for (const [cpu, core] of coreOfCpu.entries()) {
    const word = cpu >>> 5;
    if (word < kept.length && !isWanted(l3OfCpu?.[cpu] ?? l3OfCore(core))) {
      kept[word] = (kept[word] ?? 0) & ~(1 << (cpu & 31));
    }
  }
  return kept;
}

/** Refuses the request; `free` are the free CPUs of each domain. */
export function refuseDomain(cpus: number, domain: Domain, free: Iterable<number>): never {
  const most = [...free].reduce((max, count) => Math.max(max, count), 0);
  throw new PlacementError(
    'Unsatisfiable',
    `Cannot choose ${countOf(cpus, 'CPU')} of one ${NAMES[domain]}: the one with the most has ${most} of them free`,
  );
}

/**
 * Takes all CPUs of one L3 cache where the threads of a core have different ones: within each cache that can hold them, and of these
 * choices the one that leaves most cores whole, in the fullest cache. A core as a whole is of no use there.
 */
function takeSplitL3(workspace: Workspace, words: Uint32Array, cpus: number): Choice {
  const { before, index } = workspace;
  const free: number[] = [];
  const found: { readonly words: Uint32Array; readonly free: number }[] = [];
  for (let l3 = 0; l3 < index.l3Count; l3 += 1) {
    countFree(
      before,
      keepL3(workspace, words, (other) => other === l3),
    );
    free.push(before.total);
    if (before.total < cpus) continue;
    const choice = takePacked(workspace, cpus, { alignL3: false, spread: false });
    found.push({ words: choice.words, free: before.total });
  }
  countFree(before, words);
  const [best] = found
    .map((one) => ({ ...one, score: scoreCpus(index, one.words, before.coreFree, workspace.score) }))
    .sort((a, b) => a.score.cores - b.score.cores || a.score.brokenCores - b.score.brokenCores || a.free - b.free);
  return best
    ? { words: best.words, score: best.score, rule: { kind: 'one-domain', domain: 'l3Caches' } }
    : refuseDomain(cpus, 'l3Caches', free);
}

/**
 * Takes all CPUs of one L3 cache, NUMA node or socket: packed as ever, of those that can hold them.
 * @throws PlacementError `Unsatisfiable` when none can.
 */
export function takeSingleDomain(workspace: Workspace, words: Uint32Array, cpus: number, domain: Domain): Choice {
  const { before, census, index } = workspace;
  if (domain === 'l3Caches' && index.l3OfCpu) return takeSplitL3(workspace, words, cpus);
  countFree(before, domain === 'l3Caches' ? keepL3(workspace, words, (l3) => l3 >= 0) : words);
  if (before.total >= cpus) {
    const packed = takePacked(workspace, cpus, { alignL3: true, spread: false });
    if (packed.score[domain] === 1) return { ...packed, rule: { kind: 'one-domain', domain } };
    const limit = { ...NO_LIMIT, [domain]: 1 };
    const score = takeBestRegion(workspace, { cpus, limit, strictly: false, spread: false });
    if (score) return { words: census.takenWords.slice(), score, rule: { kind: 'one-domain', domain } };
  }
  return refuseDomain(
    cpus,
    domain,
    { l3Caches: before.l3Free, numaNodes: before.nodeFree, sockets: before.socketFree }[domain],
  );
}
