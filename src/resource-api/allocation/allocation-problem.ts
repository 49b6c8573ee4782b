import type { DeviceClass, ResourceClaimSpec } from '../objects.ts';
import type { PoolDevice } from './device-pool.ts';
import type { DeviceUsage } from './device-usage.ts';

/** A claim without an allocation. */
export interface ClaimToAllocate {
  /** "namespace/name", for messages. */
  readonly name: string;
  readonly spec: ResourceClaimSpec;
}

/** What claims are to be allocated from, on one node. */
export interface AllocationProblem {
  readonly claims: readonly ClaimToAllocate[];
  /** Devices that the node reaches. */
  readonly devices: readonly PoolDevice[];
  readonly classes: ReadonlyMap<string, DeviceClass>;
  /** What other claims use; unchanged afterwards. */
  readonly usage: DeviceUsage;
  /** Makes the identity of a share of a device. */
  readonly newShareId: () => string;
}
