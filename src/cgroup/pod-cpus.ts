import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { tryParseCpuList } from '../cpuset/parse.ts';

/** The CPUs that containers of pods can have, and which cgroups say so. */
export interface PodCpus {
  readonly cpus: CpuSet;
  /** Below the host's root: "sys/fs/cgroup/kubepods.slice". */
  readonly directories: readonly string[];
}

/** The hierarchies that may have cpusets, and the files of a cgroup's effective CPUs, best first (cgroups(7), cgroup-v2.rst). */
const HIERARCHIES = [
  { mount: 'sys/fs/cgroup/cpuset', files: ['cpuset.effective_cpus', 'cpuset.cpus'] },
  { mount: 'sys/fs/cgroup', files: ['cpuset.cpus.effective'] },
  { mount: 'sys/fs/cgroup/unified', files: ['cpuset.cpus.effective'] },
] as const;

/**
 * The parent of all pods: `kubepods` under cgroupfs, `kubepods.slice` under systemd, where a `--cgroup-root` of the kubelet precedes the
 * name with its own (pkg/kubelet/cm, Kubernetes 1.37).
 */
const PODS_NAME = /^([a-z0-9_.]+-)*kubepods(\.slice)?$/i;
/** The kubelet's cgroup root is at the top, or few levels below it where the node itself is a container. */
const DEPTH_MAX = 3;
/** A host has some hundred cgroups at these levels; more are not looked through. */
const DIRECTORIES_MAX = 4_096;

function listDirectories(path: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    // Not mounted, or gone while it was looked at.
    return [];
  }
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** The cgroups of pods that are nearest to the top, below a mount; what is below them belongs to pods, and is not looked at. */
function findPodsDirectories(hostRoot: string, mount: string): string[] {
  let level = [mount];
  let left = DIRECTORIES_MAX;
  for (let depth = 0; depth < DEPTH_MAX && level.length > 0; depth += 1) {
    const below = level.flatMap((path) => listDirectories(join(hostRoot, path)).map((name) => join(path, name)));
    const found = below.filter((path) => PODS_NAME.test(path.slice(path.lastIndexOf('/') + 1)));
    if (found.length > 0) return found;
    level = below.slice(0, left);
    left -= level.length;
  }
  return [];
}

function readCpus(path: string): CpuSet | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const cpus = tryParseCpuList(text.trim());
  // Before anything runs in it a cgroup of version 1 may have none yet.
  return cpus === undefined || cpus.isEmpty ? undefined : cpus;
}

/** A cgroup without the controller has the CPUs of the nearest one above it that has. */
function readEffective(hostRoot: string, directory: string, { mount, files }: (typeof HIERARCHIES)[number]) {
  for (let path = directory; path.startsWith(mount); path = path.slice(0, path.lastIndexOf('/'))) {
    for (const file of files) {
      const cpus = readCpus(join(hostRoot, path, file));
      if (cpus !== undefined) return cpus;
    }
  }
  return undefined;
}

/**
 * Reads which CPUs the kernel lets containers of pods have: the effective cpuset of the cgroup that all pods are in. Where there are
 * several such cgroups at one level, as with nodes that are containers, all their CPUs count.
 * @param hostRoot where the host's /sys is seen.
 * @returns undefined where there is no such cgroup, or none that tells: then nothing is known of a limit.
 */
export function readPodCpus(hostRoot: string): PodCpus | undefined {
  for (const hierarchy of HIERARCHIES) {
    const directories = findPodsDirectories(hostRoot, hierarchy.mount);
    const found = directories.flatMap((path) => readEffective(hostRoot, path, hierarchy) ?? []);
    if (found.length > 0) return { cpus: CpuSet.unionOf(found), directories };
  }
  return undefined;
}
