import { type PodCpus, readPodCpus } from '../cgroup/pod-cpus.ts';
import { watchPodCpus } from '../cgroup/watch-pod-cpus.ts';
import type { Config } from '../config/config.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { DeviceError } from '../devices/keep-shared.ts';
import type { Machine } from '../devices/machine.ts';
import { errorText, type Log, type LogFields } from '../lib/log.ts';
import { type WatchTopologyOptions, watchTopology } from '../sysfs/watch-topology.ts';
import type { CpuTopology } from '../topology/topology.ts';
import type { Foundation } from './foundation.ts';
import { toExhaustedMachine, toMachine, topologyOptions } from './read-machine.ts';

/** What following the machine needs. */
export interface FollowMachineOptions {
  readonly config: Config;
  /** Its machine is replaced, and its ledger supplied anew. */
  readonly foundation: Pick<Foundation, 'machine' | 'overlay' | 'ledger' | 'names'>;
  /** Called afterwards: devices must be published, and containers may have to move. */
  readonly onChange: () => void;
  readonly log: Log;
  /** How the watch polls; for tests. */
  readonly watch?: Pick<WatchTopologyOptions, 'schedule' | 'sysfs'>;
}

/** What is known of the machine while it is followed. */
interface Known {
  topology: CpuTopology;
  podCpus: PodCpus | undefined;
}

/** The node with these CPUs online. Where they are too few for what is configured, claims are given none until more are back. */
function findMachine(config: Config, { topology, podCpus }: Known, log: Log): Machine {
  try {
    return toMachine(config, topology, podCpus?.cpus);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    log.error('no CPU is left for new claims', { reason: error.message });
    return toExhaustedMachine(config, topology, podCpus?.cpus);
  }
}

/** As log lines name CPUs that changed. */
function describeChange(before: CpuSet, now: CpuSet): LogFields {
  return { gone: before.difference(now).toString(), come: now.difference(before).toString() };
}

/**
 * Follows CPUs that are switched off and on, and those that containers of pods can have. Claims keep what they hold, whatever becomes
 * of it; new ones get CPUs that are online and that containers can have.
 * @returns ends it; may be called twice.
 */
export function followMachine({ config, foundation, onChange, log, watch }: FollowMachineOptions): () => void {
  const { hostRoot } = config;
  const known: Known = { topology: foundation.machine.topology, podCpus: readPodCpus(hostRoot) };
  const update = () => {
    foundation.machine = foundation.names.keep(findMachine(config, known, log));
    foundation.ledger.resupply(foundation.machine.devices);
  };
  const expected = known.podCpus === undefined ? CpuSet.empty : known.topology.online.difference(known.podCpus.cpus);
  if (!expected.equals(foundation.machine.devices.outside)) {
    // It has changed since the machine was read.
    update();
    onChange();
  }
  const unfollowTopology = watchTopology({
    read: topologyOptions(config, foundation.overlay),
    known: known.topology,
    onChange: (topology, before) => {
      known.topology = topology;
      update();
      const { online } = topology;
      log.warn('online CPUs have changed', { online: online.toString(), ...describeChange(before.online, online) });
      onChange();
    },
    onError: (error) => log.error('changed CPUs cannot be followed', { reason: errorText(error) }),
    ...watch,
  });
  const unfollowPods = watchPodCpus({
    hostRoot,
    known: known.podCpus,
    onChange: (now, before) => {
      known.podCpus = now;
      update();
      const { online } = known.topology;
      const [was, is] = [before?.cpus ?? online, now?.cpus ?? online];
      log.warn('CPUs of the cgroup of pods have changed', { cpus: is.toString(), ...describeChange(was, is) });
      onChange();
    },
    ...(watch?.schedule === undefined ? {} : { schedule: watch.schedule }),
  });
  return () => {
    unfollowTopology();
    unfollowPods();
  };
}
