import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CpuSet } from '../../../src/cpuset/cpu-set.ts';

/** Where a container's cgroup and its first process are. */
export interface CgroupPlace {
  /** As the runtime names it: "/kubepods/podUID/ID". */
  readonly cgroupsPath: string;
  readonly pid: number;
}

const LIVE_STATE = 'S';

/**
 * The host's cgroup v2 tree and /proc as the driver sees them below `HOST_ROOT`: files that this suite writes as a kernel would show
 * them (cgroup-v2.rst, proc_pid_stat(5)).
 */
export class HostCgroups {
  readonly #hostRoot: string;
  readonly #allCpus: string;
  /** CPUs of the parent of all pods. */
  readonly podCpus: CpuSet;

  constructor(hostRoot: string, cpus: { readonly all: CpuSet; readonly pods: CpuSet }) {
    this.#hostRoot = hostRoot;
    this.#allCpus = cpus.all.toString();
    this.podCpus = cpus.pods;
    const root = join(hostRoot, 'sys/fs/cgroup');
    mkdirSync(root, { recursive: true });
    writeFileSync(join(root, 'cgroup.controllers'), 'cpuset cpu io memory pids\n');
    writeFileSync(join(root, 'cpuset.cpus.effective'), `${this.#allCpus}\n`);
    writeFileSync(join(root, 'cpuset.mems.effective'), '0-1\n');
    mkdirSync(join(hostRoot, 'proc'), { recursive: true });
    const pods = cpus.pods.equals(cpus.all) ? '' : cpus.pods.toString();
    this.#writeCgroup('/kubepods', { cpus: pods, pids: [] });
  }

  /** A container was created: its cgroup is there, without a process. */
  create(path: string, cpus: string): void {
    this.#writeCgroup(path, { cpus, pids: [] });
  }

  /** A container's process runs. */
  run({ cgroupsPath, pid }: CgroupPlace): void {
    const directory = join(this.#hostRoot, 'proc', `${pid}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'cgroup'), `0::${cgroupsPath}\n`);
    writeFileSync(join(directory, 'stat'), `${pid} (app) ${LIVE_STATE} 1 ${pid} ${pid} 0 -1 4194304 0\n`);
    writeFileSync(join(directory, 'status'), `Name:\tapp\nState:\tS (sleeping)\nPid:\t${pid}\n`);
    writeFileSync(join(directory, 'cmdline'), 'app\0');
    this.#writeProcesses(cgroupsPath, [pid]);
  }

  /** The cpuset that the runtime set; "" means the parent's. */
  setCpus(path: string, cpus: string): void {
    const directory = this.#directory(path);
    if (!existsSync(directory)) return;
    writeFileSync(join(directory, 'cpuset.cpus'), `${cpus}\n`);
    writeFileSync(join(directory, 'cpuset.cpus.effective'), `${cpus === '' ? this.podCpus.toString() : cpus}\n`);
  }

  /** The container's process ended; its cgroup may stay for a while. */
  end({ cgroupsPath, pid }: CgroupPlace): void {
    rmSync(join(this.#hostRoot, 'proc', `${pid}`), { recursive: true, force: true });
    if (existsSync(this.#directory(cgroupsPath))) this.#writeProcesses(cgroupsPath, []);
  }

  /** The container is removed, and its cgroup with it. */
  remove(place: CgroupPlace): void {
    this.end(place);
    rmSync(this.#directory(place.cgroupsPath), { recursive: true, force: true });
  }

  #directory(path: string): string {
    return join(this.#hostRoot, 'sys/fs/cgroup', path);
  }

  #writeCgroup(path: string, { cpus, pids }: { cpus: string; pids: readonly number[] }): void {
    const directory = this.#directory(path);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'cgroup.controllers'), 'cpuset cpu\n');
    writeFileSync(join(directory, 'cpuset.mems'), '\n');
    writeFileSync(join(directory, 'cpuset.mems.effective'), '0-1\n');
    this.setCpus(path, cpus);
    this.#writeProcesses(path, pids);
  }

  #writeProcesses(path: string, pids: readonly number[]): void {
    const directory = this.#directory(path);
    writeFileSync(join(directory, 'cgroup.procs'), pids.map((pid) => `${pid}\n`).join(''));
    writeFileSync(join(directory, 'cgroup.threads'), pids.map((pid) => `${pid}\n`).join(''));
    writeFileSync(join(directory, 'cgroup.events'), `populated ${pids.length > 0 ? 1 : 0}\nfrozen 0\n`);
  }
}
