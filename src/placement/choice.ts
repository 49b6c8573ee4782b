import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { PlacementScore } from './placement-score.ts';
import type { SharedDomains } from './shared-use.ts';
import type { Columns } from './score.ts';

/** Which rule decided a placement. */
export type PlacementRule =
  /** The kubelet's best fit; nothing is better in one column and worse in none. */
  | { readonly kind: 'best-fit' }
  /** A choice that beats the best fit, whose score is given. */
  | { readonly kind: 'better-than-best-fit'; readonly bestFit: PlacementScore }
  /** The best of several fits where firmware put the threads of a core into different NUMA nodes. */
  | { readonly kind: 'split-cores' }
  /** As many preferred CPUs as can be had without reaching farther. */
  | { readonly kind: 'most-preferred' }
  /** Of equal choices the one that shares least with others. */
  | { readonly kind: 'least-shared' }
  /** Even shares of the NUMA nodes: CPUs taken of each, by the kernel's node number; `nodes` where their number was given. */
  | { readonly kind: 'even-shares'; readonly shares: ReadonlyMap<number, number>; readonly nodes?: number }
  /** No even shares are possible; best fit over all nodes. */
  | { readonly kind: 'no-even-shares' }
  /** Whole physical cores; `added` CPUs more than wanted so that no core is shared. */
  | { readonly kind: 'whole-cores'; readonly added: number }
  /** One thread of each core. */
  | { readonly kind: 'one-thread-each' }
  /** Everything in one domain. */
  | { readonly kind: 'one-domain'; readonly domain: 'l3Caches' | 'numaNodes' | 'sockets' }
  /** A list that was given and found to be free. */
  | { readonly kind: 'given' };

/** A choice as a policy makes it. */
export interface Choice {
  /** As CpuSet lays words out. */
  readonly words: Uint32Array;
  readonly score: Columns;
  readonly rule: PlacementRule;
}

/** Chosen CPUs, what they touch and why they were chosen. */
export interface Placement {
  readonly cpus: CpuSet;
  readonly score: PlacementScore;
  readonly rule: PlacementRule;
  /** How many of them are of the CPUs that the request prefers (isolated, near); undefined where it prefers none. */
  readonly preferred: number | undefined;
  /** What others use, too; only where the request asks to share little. */
  readonly shared?: SharedDomains;
}

/** Whether the policy itself has no rule to tell: it took the best fit or better. */
export function isBestFit({ rule }: Choice): boolean {
  return rule.kind === 'best-fit' || rule.kind === 'better-than-best-fit';
}
