import type { CpuSet } from '../../cpuset/cpu-set.ts';
import { parseCpuList } from '../../cpuset/parse.ts';
import { type DeviceMode, type DeviceOptions, enumerateDevices } from '../../devices/device.ts';
import type { CpuTopology } from '../../topology/topology.ts';
import { chooseCpus } from '../choose-cpus.ts';
import { parseClaim } from '../claim.ts';
import { ClaimError, type ClaimErrorCode } from '../claim-error.ts';
import type { PreparedClaim } from '../prepared-claim.ts';
import { allocatedClaim, smtMachine } from './fixtures.ts';

/** An opaque configuration as an allocation carries it. */
export interface GivenConfig {
  readonly cpuConfig?: unknown;
  readonly parameters?: unknown;
  readonly requests?: readonly string[];
  readonly source?: 'FromClaim' | 'FromClass';
}

/** A claim to decide on: its results, its configurations, and the node. */
export interface GivenChoice extends DeviceOptions {
  readonly results: Parameters<typeof allocatedClaim>[1];
  readonly configs?: readonly GivenConfig[];
  readonly topology?: CpuTopology;
  readonly mode?: DeviceMode;
  readonly reserved?: string;
  /** CPUs that claim shop/cache holds. */
  readonly taken?: string;
}

/** Decides on a claim `default/claim-u1`. The node has 16 CPUs: two NUMA nodes, each a socket, of four cores with two threads. */
export function choose(given: GivenChoice): PreparedClaim {
  const { results, configs = [], topology = smtMachine({ nodes: 2, cores: 4 }) } = given;
  const { mode = { kind: 'grouped', groupBy: 'numanode' }, reserved = '', taken = '' } = given;
  const devices = enumerateDevices(topology, mode, parseCpuList(reserved), given);
  const json = allocatedClaim('u1', results);
  const allocation = json['status'] as { allocation: { devices: Record<string, unknown> } };
  allocation.allocation.devices['config'] = configs.map(
    ({ cpuConfig, parameters, requests = [], source = 'FromClaim' }) => ({
      source,
      requests,
      opaque: { driver: 'dra.cpu', parameters: parameters ?? { apiVersion: 'v1alpha1', cpuConfig } },
    }),
  );
  const claim = parseClaim(json, { uid: 'u1', namespace: 'default', name: 'claim-u1' }, 'dra.cpu');
  const held = parseCpuList(taken);
  return chooseCpus(claim, {
    topology,
    devices,
    pool: 'node-a',
    free: devices.allocatable.difference(held),
    describeHolders: (cpus: CpuSet) => `claim shop/cache (CPUs ${cpus.intersection(held)})`,
  });
}

/** The error of deciding on a claim, "CODE: what comes after the action"; "" when there is none. */
export function chooseError(given: GivenChoice): string {
  try {
    choose(given);
    return '';
  } catch (error) {
    if (!(error instanceof ClaimError)) throw error;
    const code: ClaimErrorCode = error.code;
    return `${code}: ${error.message.replace('Cannot prepare claim default/claim-u1: ', '')}`;
  }
}
