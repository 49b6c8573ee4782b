import type { Choice } from './choice.ts';
import { countFree } from './census.ts';
import { takeBestRegion } from './improve.ts';
import { takePacked } from './packed.ts';
import { PlacementError } from './placement-error.ts';
import { NO_LIMIT } from './region.ts';
import type { Workspace } from './workspace.ts';

/** A kind of domain that can hold a whole request, by its column of the score. */
export type Domain = 'l3Caches' | 'numaNodes' | 'sockets';

const NAMES = { l3Caches: 'L3 cache', numaNodes: 'NUMA node', sockets: 'socket' } as const;

/** Clears the CPUs whose core has no known L3 cache. */
function keepCached({ index }: Workspace, words: Uint32Array): Uint32Array {
  const kept = words.slice();
  for (const [cpu, core] of index.coreOfCpu.entries()) {
    const word = cpu >>> 5;
    if (core >= 0 && (index.leafL3[index.coreLeaf[core] ?? 0] ?? -1) >= 0) continue;
    if (word < kept.length) kept[word] = (kept[word] ?? 0) & ~(1 << (cpu & 31));
  }
  return kept;
}

/**
 * Takes all CPUs of one L3 cache, NUMA node or socket: packed as ever, of those that can hold them.
 * @throws PlacementError `Unsatisfiable` when none can.
 */
export function takeSingleDomain(workspace: Workspace, words: Uint32Array, cpus: number, domain: Domain): Choice {
  const { before, census } = workspace;
  countFree(before, domain === 'l3Caches' ? keepCached(workspace, words) : words);
  if (before.total >= cpus) {
    const packed = takePacked(workspace, cpus, { alignL3: true, spread: false });
    if (packed.score[domain] === 1) return { ...packed, rule: { kind: 'one-domain', domain } };
    const limit = { ...NO_LIMIT, [domain]: 1 };
    const score = takeBestRegion(workspace, { cpus, limit, strictly: false, spread: false });
    if (score) return { words: census.takenWords.slice(), score, rule: { kind: 'one-domain', domain } };
  }
  const free = { l3Caches: before.l3Free, numaNodes: before.nodeFree, sockets: before.socketFree }[domain];
  const most = free.reduce((max, count) => Math.max(max, count), 0);
  throw new PlacementError(
    'Unsatisfiable',
    `Cannot choose ${cpus} CPUs of one ${NAMES[domain]}: the one with the most has ${most} of them free`,
  );
}
