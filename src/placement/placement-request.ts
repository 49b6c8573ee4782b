import type { CpuSet } from '../cpuset/cpu-set.ts';
import { PlacementError } from './placement-error.ts';
import type { CpuWishes } from './preferences.ts';

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

/** What a choice may be kept from sharing with other claims, the widest domain that counts. */
export const SHARED_DOMAINS = ['l2', 'l3', 'core'] as const;

/** A domain of SHARED_DOMAINS: L2 or L3 caches, or cores alone. */
export type SharedDomain = (typeof SHARED_DOMAINS)[number];

/** Of equal choices the one that shares least with others. */
export interface AvoidSharing {
  readonly domain: SharedDomain;
  /** The CPUs that others hold. */
  readonly others: CpuSet;
}

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
  /** Whether all CPUs must be of one socket, whatever the policy. */
  readonly singleSocket?: boolean;
  readonly avoidSharing?: AvoidSharing;
}

function checkCount(count: number | undefined, describe: (count: number) => string): void {
  if (count === undefined || (Number.isInteger(count) && count >= 1)) return;
  throw new PlacementError('InvalidCase', `Cannot choose CPUs${describe(count)}; want a whole number, 1 or more`);
}

/**
 * Checks the numbers of a request.
 * @throws PlacementError `InvalidCase` for one that makes no sense.
 */
export function checkRequest({ cpus, group, nodes }: PlacementRequest): void {
  checkCount(cpus, (count) => `: ${count} are wanted`);
  checkCount(group, (count) => ` in groups of ${count}`);
  checkCount(nodes, (count) => ` of ${count} NUMA nodes`);
}
