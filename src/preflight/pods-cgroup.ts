import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { Finding } from './finding.ts';
import { nameCpus } from '../lib/count.ts';

/** What the CPUs of pods are compared with. */
export interface PodsCgroupFacts {
  /** The CPUs that containers of pods can have, and the cgroups that say so; undefined where nothing limits them. */
  readonly podCpus: { readonly cpus: CpuSet; readonly directories: readonly string[] } | undefined;
  readonly online: CpuSet;
  /** CPUs the driver sets aside. */
  readonly reserved: CpuSet;
}

/**
 * Whether the cgroup that all pods are in has fewer CPUs than the machine. The kernel gives a container none of the others, so that the
 * driver publishes none of them either. CPUs that are set aside anyway are no loss.
 */
export function checkPodsCgroup({ podCpus, online, reserved }: PodsCgroupFacts): Finding | undefined {
  if (podCpus === undefined) return undefined;
  const lost = online.difference(podCpus.cpus).difference(reserved);
  if (lost.isEmpty) return undefined;
  const directories = podCpus.directories.map((path) => `"/${path}"`).join(', ');
  return {
    check: 'pods-cgroup',
    severity: 'warning',
    message:
      `Containers cannot have ${nameCpus(lost)} of this machine: the cgroup of all pods, ${directories}, has ` +
      `${nameCpus(podCpus.cpus)} alone, and the driver publishes no others. To use them, widen the cpuset of that cgroup and of those above ` +
      'it (AllowedCPUs of the slice under systemd, cpuset.cpus elsewhere); to leave them out on purpose, add them to reservedCPUs',
  };
}
