import type { Placement, PlacementRule } from './choice.ts';
import type { PlacementScore } from './placement-score.ts';
import { countOf, verbFor } from '../lib/count.ts';

type Column = 'sockets' | 'numaNodes' | 'l3Caches' | 'clusters' | 'cores' | 'brokenCores';

/** In the order of the score. */
const COLUMNS: readonly [Column, string][] = [
  ['sockets', 'socket'],
  ['numaNodes', 'NUMA node'],
  ['l3Caches', 'L3 cache'],
  ['clusters', 'L2 cache'],
  ['cores', 'core'],
  ['brokenCores', 'broken core'],
];

/** What there is to say of a column beside its number. */
function noteOn(column: Column, { numaNodes, distance, sharedClusters = 0 }: PlacementScore): string {
  if (column === 'numaNodes' && distance !== undefined) {
    return numaNodes === 2 ? ` (distance ${distance})` : ` (mean distance ${distance})`;
  }
  return column === 'clusters' && sharedClusters > 0 ? ` (${sharedClusters} shared with others)` : '';
}

/** What a choice touches, in words: "1 socket, 1 NUMA node, 2 L3 caches, 6 cores, 0 broken cores". */
function describeScore(score: PlacementScore): string {
  return COLUMNS.flatMap(([column, noun]) => {
    const value = score[column];
    return value === undefined ? [] : `${countOf(value, noun)}${noteOn(column, score)}`;
  }).join(', ');
}

function describeGain(ours: PlacementScore, theirs: PlacementScore): string {
  const gains = COLUMNS.flatMap(([column, noun]) => {
    const [own = 0, other] = [ours[column], theirs[column]];
    return other === undefined || own === other ? [] : `${countOf(own, noun)} instead of ${other}`;
  });
  const { distance } = ours;
  if (gains.length > 0 || distance === undefined) return gains.join(', ');
  return `NUMA nodes at distance ${distance} instead of ${theirs.distance}`;
}

/** The kubelet knows no level 2 caches: in these alone an answer with fewer L3 caches may be worse than its choice. */
function praise({ clusters = 0 }: PlacementScore, theirs: PlacementScore): string {
  return clusters > (theirs.clusters ?? clusters) ? '' : ', and worse in nothing';
}

function describeRule(rule: PlacementRule, score: PlacementScore): string {
  switch (rule.kind) {
    case 'best-fit':
      return 'best fit as the kubelet makes it: the fullest domain that can hold the request, whole cores before single threads';
    case 'better-than-best-fit':
      return `better than the kubelet's best fit${praise(score, rule.bestFit)}: ${describeGain(score, rule.bestFit)}`;
    case 'split-cores':
      return 'best fit by the NUMA node of each CPU, because this machine reports threads of one core in different nodes';
    case 'most-preferred':
      return 'as many preferred CPUs as the same number of sockets and NUMA nodes can give, the others as near to them as possible';
    case 'least-shared':
      return 'of the choices that score as well as the best fit the one that shares least with others';
    case 'even-shares': {
      const over =
        rule.nodes === undefined
          ? 'the fewest NUMA nodes that allow it'
          : `${countOf(rule.nodes, 'NUMA node')}, as asked`;
      return `even shares over ${over}: ${[...rule.shares].map(([node, cpus]) => `${cpus} of node ${node}`).join(', ')}`;
    }
    case 'no-even-shares':
      return 'no NUMA nodes can give even shares of this size, so best fit over all of them';
    case 'whole-cores':
      return rule.added === 0
        ? 'whole physical cores only'
        : `whole physical cores only, rounded up by ${countOf(rule.added, 'CPU')}`;
    case 'one-thread-each':
      return 'one thread of each core, wholly free cores first';
    case 'one-domain':
      return `everything in one ${{ l3Caches: 'L3 cache', numaNodes: 'NUMA node', sockets: 'socket' }[rule.domain]}`;
    case 'given':
      return 'the list that was given; all of it is free';
  }
}

function describeShared({ l3Caches, clusters, cores }: NonNullable<Placement['shared']>): string {
  const ofClusters = clusters === undefined ? [] : [countOf(clusters, 'L2 cache')];
  return [countOf(l3Caches, 'L3 cache'), ...ofClusters, countOf(cores, 'core')].join(', ');
}

/** Why these CPUs, in lines: the rule that decided, what they touch, and how many of them are preferred ones. */
export function explainPlacement({ cpus, score, rule, preferred, shared }: Placement): string[] {
  return [
    `Why: ${describeRule(rule, score)}.`,
    `Touches ${describeScore(score)}.`,
    ...(preferred === undefined
      ? []
      : [`${preferred} of ${countOf(cpus.size, 'CPU')} ${verbFor(preferred, 'is', 'are')} of the CPUs preferred.`]),
    ...(shared ? [`Shares ${describeShared(shared)} with others.`] : []),
  ];
}
