import type { Config } from '../config/config.ts';
import { DeviceError } from '../devices/keep-shared.ts';
import type { Machine } from '../devices/machine.ts';
import { errorText, type Log } from '../lib/log.ts';
import { type WatchTopologyOptions, watchTopology } from '../sysfs/watch-topology.ts';
import type { CpuTopology } from '../topology/topology.ts';
import type { Foundation } from './foundation.ts';
import { toExhaustedMachine, toMachine, topologyOptions } from './read-machine.ts';

/** What following the machine needs. */
export interface FollowMachineOptions {
  readonly config: Config;
  /** Its machine is replaced, and its ledger supplied anew. */
  readonly foundation: Foundation;
  /** Called afterwards: devices must be published, and containers may have to move. */
  readonly onChange: () => void;
  readonly log: Log;
  /** How the watch polls; for tests. */
  readonly watch?: Pick<WatchTopologyOptions, 'schedule' | 'sysfs'>;
}

/** The node with these CPUs online. Where they are too few for what is configured, claims are given none until more are back. */
function findMachine(config: Config, topology: CpuTopology, log: Log): Machine {
  try {
    return toMachine(config, topology);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    log.error('no CPU is left for new claims', { reason: error.message });
    return toExhaustedMachine(config, topology);
  }
}

/**
 * Follows CPUs that are switched off and on. Claims keep what they hold, whatever is offline; new ones get online CPUs only.
 * @returns ends it; may be called twice.
 */
export function followMachine({ config, foundation, onChange, log, watch }: FollowMachineOptions): () => void {
  return watchTopology({
    read: topologyOptions(config, foundation.overlay),
    known: foundation.machine.topology,
    onChange: (topology, before) => {
      foundation.machine = foundation.names.keep(findMachine(config, topology, log));
      foundation.ledger.resupply(foundation.machine.devices);
      log.warn('online CPUs have changed', {
        online: topology.online.toString(),
        gone: before.online.difference(topology.online).toString(),
        come: topology.online.difference(before.online).toString(),
      });
      onChange();
    },
    onError: (error) => log.error('changed CPUs cannot be followed', { reason: errorText(error) }),
    ...watch,
  });
}
