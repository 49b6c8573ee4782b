import {
  type Container,
  ContainerAdjustment,
  ContainerUpdate,
  KeyValue,
  LinuxContainerAdjustment,
  LinuxCPU,
  LinuxResources,
} from '../gen/nri.ts';

const NO_BYTES = new Uint8Array(0);

/**
 * A message with the given fields set and every other one at its default.
 * @example newMessage(LinuxCPU, { cpus: '0-3' })
 */
export function newMessage<T>(type: { decode(bytes: Uint8Array): T }, fields: Partial<T>): T {
  return { ...type.decode(NO_BYTES), ...fields };
}

/** A container's CPUs and the NUMA nodes of its memory, both Linux lists; "" changes nothing. */
export interface Cpuset {
  readonly cpus: string;
  readonly mems?: string;
}

function cpusetResources(cpuset: string | Cpuset): LinuxResources {
  const { cpus, mems = '' } = typeof cpuset === 'string' ? { cpus: cpuset } : cpuset;
  return newMessage(LinuxResources, { cpu: newMessage(LinuxCPU, { cpus, mems }) });
}

/** Gives the container being created a cpuset: a Linux CPU list, or one with memory nodes. "" would change nothing. */
export function cpusetAdjustment(cpuset: string | Cpuset): ContainerAdjustment {
  const linux = newMessage(LinuxContainerAdjustment, { resources: cpusetResources(cpuset) });
  return newMessage(ContainerAdjustment, { linux });
}

/**
 * The same adjustment with a variable of the environment set, in place of one of that name. A name that the container has twice keeps
 * its last value, and a variable cannot be removed: NRI up to 0.12 loses the wish.
 */
export function withVariable(adjustment: ContainerAdjustment, name: string, value: string): ContainerAdjustment {
  return { ...adjustment, env: [...adjustment.env, newMessage(KeyValue, { key: name, value })] };
}

/**
 * Gives another container a cpuset: a Linux CPU list, or one with memory nodes. "" would change nothing. With `ignoreFailure`
 * the runtime goes on when it cannot.
 */
export function cpusetUpdate(containerId: string, cpuset: string | Cpuset, ignoreFailure = false): ContainerUpdate {
  return newMessage(ContainerUpdate, { containerId, linux: { resources: cpusetResources(cpuset) }, ignoreFailure });
}

/** The cpuset that the runtime has for a container, a Linux CPU list; "" when it has none and every CPU may be used. */
export function containerCpus(container: Container): string {
  return container.linux?.resources?.cpu?.cpus ?? '';
}

/** The NUMA nodes that the runtime binds a container's memory to, a Linux list; "" when memory may come from every node. */
export function containerMems(container: Container): string {
  return container.linux?.resources?.cpu?.mems ?? '';
}
