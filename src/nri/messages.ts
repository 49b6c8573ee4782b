import {
  type Container,
  ContainerAdjustment,
  ContainerUpdate,
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

function cpusetResources(cpus: string): LinuxResources {
  return newMessage(LinuxResources, { cpu: newMessage(LinuxCPU, { cpus }) });
}

/** Gives the container being created a cpuset: a Linux CPU list. "" would change nothing. */
export function cpusetAdjustment(cpus: string): ContainerAdjustment {
  const linux = newMessage(LinuxContainerAdjustment, { resources: cpusetResources(cpus) });
  return newMessage(ContainerAdjustment, { linux });
}

/**
 * Gives another container a cpuset: a Linux CPU list. "" would change nothing. With `ignoreFailure` the runtime goes on
 * when it cannot.
 */
export function cpusetUpdate(containerId: string, cpus: string, ignoreFailure = false): ContainerUpdate {
  return newMessage(ContainerUpdate, { containerId, linux: { resources: cpusetResources(cpus) }, ignoreFailure });
}

/** The cpuset that the runtime has for a container, a Linux CPU list; "" when it has none and every CPU may be used. */
export function containerCpus(container: Container): string {
  return container.linux?.resources?.cpu?.cpus ?? '';
}
