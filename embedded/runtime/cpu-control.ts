import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { errorText } from '../../src/lib/log.ts';
import { RuntimeError } from './runtime-error.ts';

const run = promisify(execFile);

/** How the CPUs of processes are really set. */
export interface CpuControl {
  /** For the log. */
  readonly kind: 'cgroup v1' | 'cgroup v2' | 'taskset';
  /** Takes a container's new process in hand, which waits to be let go, and gives it its first CPUs. */
  attach(containerId: string, pid: number, cpus: CpuSet): Promise<void>;
  /** Moves a running container, all its threads. */
  setCpus(containerId: string, pid: number, cpus: CpuSet): Promise<void>;
  /** Binds the memory of a container to NUMA nodes, a Linux list, where this way of setting CPUs can do that. */
  setMems(containerId: string, mems: string): Promise<void>;
  /** Takes away what was made for a container whose processes are gone. */
  remove(containerId: string): Promise<void>;
  /** Takes away all the rest. */
  close(): Promise<void>;
}

function cannotSet(cpus: CpuSet, error: unknown): RuntimeError {
  return new RuntimeError(
    'CannotSetCpus',
    `Cannot set the CPUs to ${JSON.stringify(String(cpus))}: ${errorText(error)}`,
    {
      cause: error,
    },
  );
}

/** util-linux's taskset: needs no rights, but a process may widen its own CPUs again. */
class TasksetControl implements CpuControl {
  readonly kind = 'taskset';

  attach(containerId: string, pid: number, cpus: CpuSet): Promise<void> {
    return this.setCpus(containerId, pid, cpus);
  }

  async setCpus(_containerId: string, pid: number, cpus: CpuSet): Promise<void> {
    try {
      await run('taskset', ['-a', '-p', '-c', String(cpus), `${pid}`]);
    } catch (error) {
      throw cannotSet(cpus, error);
    }
  }

  /** Only `set_mempolicy` from inside the process would do it. */
  async setMems(): Promise<void> {}

  async remove(): Promise<void> {}

  async close(): Promise<void> {}
}

/** A cpuset cgroup per container under one of our own. Both versions name their files alike. */
class CgroupControl implements CpuControl {
  readonly kind: 'cgroup v1' | 'cgroup v2';
  readonly #directory: string;

  constructor(kind: 'cgroup v1' | 'cgroup v2', directory: string) {
    this.kind = kind;
    this.#directory = directory;
  }

  async attach(containerId: string, pid: number, cpus: CpuSet): Promise<void> {
    const directory = join(this.#directory, containerId);
    try {
      await mkdir(directory, { recursive: true });
      await writeFile(join(directory, 'cpuset.mems'), await readFile(join(this.#directory, 'cpuset.mems')));
      await writeFile(join(directory, 'cpuset.cpus'), String(cpus));
      await writeFile(join(directory, 'cgroup.procs'), `${pid}`);
    } catch (error) {
      throw cannotSet(cpus, error);
    }
  }

  async setCpus(containerId: string, _pid: number, cpus: CpuSet): Promise<void> {
    try {
      await writeFile(join(this.#directory, containerId, 'cpuset.cpus'), String(cpus));
    } catch (error) {
      throw cannotSet(cpus, error);
    }
  }

  async setMems(containerId: string, mems: string): Promise<void> {
    try {
      await writeFile(join(this.#directory, containerId, 'cpuset.mems'), mems);
    } catch (error) {
      throw new RuntimeError(
        'CannotSetCpus',
        `Cannot bind memory to NUMA nodes ${JSON.stringify(mems)}: ${errorText(error)}`,
        { cause: error },
      );
    }
  }

  async remove(containerId: string): Promise<void> {
    await removeCgroup(join(this.#directory, containerId));
  }

  async close(): Promise<void> {
    const left = await readdir(this.#directory, { withFileTypes: true }).catch(() => []);
    for (const entry of left) if (entry.isDirectory()) await this.remove(entry.name);
    await removeCgroup(this.#directory);
  }
}

/** Removes an empty cgroup. The kernel counts a process as there for a moment after its end has been reported. */
async function removeCgroup(directory: string): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    try {
      await rmdir(directory);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return;
      await new Promise((done) => setTimeout(done, 10));
    }
  }
}

/** This process's own place in a hierarchy, for instance "/" or "/system.slice/x.service". */
function findOwnCgroup(text: string, controller: string): string | undefined {
  for (const line of text.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers?.split(',').includes(controller)) return path;
  }
  return undefined;
}

async function tryCgroupV1(name: string, own: string): Promise<CpuControl | undefined> {
  const path = findOwnCgroup(own, 'cpuset');
  if (path === undefined) return undefined;
  const parent = join('/sys/fs/cgroup/cpuset', path);
  const directory = join(parent, name);
  await mkdir(directory);
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    await writeFile(join(directory, file), await readFile(join(parent, file)));
  }
  return new CgroupControl('cgroup v1', directory);
}

async function tryCgroupV2(name: string, own: string): Promise<CpuControl | undefined> {
  const path = findOwnCgroup(own, '');
  if (path === undefined) return undefined;
  // A cgroup that holds processes cannot hand controllers down, so that ours stands beside that of this process.
  const parent = join('/sys/fs/cgroup', path, path === '/' ? '' : '..');
  const controllers = await readFile(join(parent, 'cgroup.controllers'), 'utf8');
  if (!controllers.split(/\s/).includes('cpuset')) return undefined;
  const directory = join(parent, name);
  await writeFile(join(parent, 'cgroup.subtree_control'), '+cpuset');
  await mkdir(directory);
  await writeFile(join(directory, 'cgroup.subtree_control'), '+cpuset');
  return new CgroupControl('cgroup v2', directory);
}

/** Whether a process can really be given CPUs: rights may end at any step. */
async function works(control: CpuControl, cpus: CpuSet): Promise<boolean> {
  const probe = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  const exited = once(probe, 'exit');
  try {
    await once(probe, 'spawn');
    await control.attach('probe', probe.pid ?? 0, cpus);
    return true;
  } catch {
    return false;
  } finally {
    probe.kill('SIGKILL');
    await exited.catch(() => undefined);
    await control.remove('probe');
  }
}

/**
 * Finds by trying how processes can be given CPUs here: cgroup v2, cgroup v1, else taskset.
 * @throws RuntimeError `CannotSetCpus` when nothing works.
 */
export async function findCpuControl(name: string, cpus: CpuSet): Promise<CpuControl> {
  const own = await readFile('/proc/self/cgroup', 'utf8').catch(() => '');
  for (const attempt of [tryCgroupV2, tryCgroupV1]) {
    const control = await attempt(name, own).catch(() => undefined);
    if (control && (await works(control, cpus))) return control;
    await control?.close();
  }
  const taskset = new TasksetControl();
  if (await works(taskset, cpus)) return taskset;
  throw new RuntimeError(
    'CannotSetCpus',
    `Cannot set the CPUs of processes to ${JSON.stringify(String(cpus))}: neither cgroups nor taskset work here; ` +
      'install util-linux or simulate the containers',
  );
}
