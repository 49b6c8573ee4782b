import type { Config } from '../config/config.ts';
import { errorText, type Log } from '../lib/log.ts';
import { type WatchTopologyOptions, watchTopology } from '../sysfs/watch-topology.ts';
import type { Foundation } from './foundation.ts';
import { toMachine, topologyOptions } from './read-machine.ts';

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

/**
 * Follows CPUs that are switched off and on. Claims keep what they hold, whatever is offline; new ones get online CPUs only.
 * @returns ends it; may be called twice.
 */
export function followMachine({ config, foundation, onChange, log, watch }: FollowMachineOptions): () => void {
  return watchTopology({
    read: topologyOptions(config, foundation.overlay),
    known: foundation.machine.topology,
    onChange: (topology, before) => {
      foundation.machine = toMachine(config, topology);
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
