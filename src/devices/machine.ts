import type { DeviceTable } from './device.ts';
import type { CpuTopology } from '../topology/topology.ts';

/** The node as the driver works on it. Replaced as a whole when CPUs come or go. */
export interface Machine {
  readonly driverName: string;
  /** Name of the node's pool of devices, the node's name. */
  readonly pool: string;
  readonly topology: CpuTopology;
  readonly devices: DeviceTable;
}
