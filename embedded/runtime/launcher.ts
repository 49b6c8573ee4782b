import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../src/cpuset/parse.ts';
import { invariant } from '../../src/lib/invariant.ts';
import { errorText } from '../../src/lib/log.ts';
import { type CpuControl, findCpuControl } from './cpu-control.ts';
import { RuntimeError } from './runtime-error.ts';

/** What is to run. */
interface LaunchSpec {
  readonly containerId: string;
  /** Empty for a process that only waits. */
  readonly command: readonly string[];
  /** "NAME=value" entries. */
  readonly env: readonly string[];
  readonly cpus: CpuSet;
  /** A Linux list of NUMA nodes; "" for every node. */
  readonly mems: string;
}

/** A running container. */
export interface LaunchedContainer {
  readonly pid: number | undefined;
  /** Resolves with the exit code when it has ended. */
  readonly exited: Promise<number>;
  setCpus(cpus: CpuSet): Promise<void>;
  /** Binds its memory to NUMA nodes, a Linux list that is not empty, where the way its CPUs are set can do that. */
  setMems(mems: string): Promise<void>;
  /** Where the kernel lets it run. */
  readCpus(): Promise<CpuSet>;
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
}

/** Starts containers. */
export interface Launcher {
  readonly kind: string;
  /** @throws RuntimeError `CannotStart` or `CannotSetCpus`. */
  launch(spec: LaunchSpec): Promise<LaunchedContainer>;
  /** Takes away what is left when all containers are gone. */
  close(): Promise<void>;
}

/** The shell waits for a line before it becomes the command, so that the command runs nowhere but on its CPUs. */
const GATED = ['-c', 'read -r _ && exec "$@"', 'sh'];

/** Waits until its standard input closes, which the kernel does when the runtime dies in whatever way. */
const WAITING_COMMAND = ['cat'];

/** The line of /proc/PID/status that says where a process may run (Linux, proc(5)). */
function parseAllowedCpus(status: string): CpuSet {
  return parseCpuList(/^Cpus_allowed_list:\s*(\S*)$/m.exec(status)?.[1] ?? '');
}

/** As the kernel: CPUs that are not there cannot be asked for. */
function checkCpus(cpus: CpuSet, machine: CpuSet): CpuSet {
  if (!cpus.isEmpty && cpus.isSubsetOf(machine)) return cpus;
  throw new RuntimeError(
    'CannotSetCpus',
    `Cannot set the CPUs to ${JSON.stringify(String(cpus))}: the machine has ${JSON.stringify(String(machine))}`,
  );
}

/** Containers as plain processes of this user: no isolation but their CPUs. */
class ProcessLauncher implements Launcher {
  readonly #control: CpuControl;
  readonly #machine: CpuSet;

  constructor(control: CpuControl, machine: CpuSet) {
    this.#control = control;
    this.#machine = machine;
  }

  get kind(): string {
    return this.#control.kind;
  }

  async launch({ containerId, command, env, cpus, mems }: LaunchSpec): Promise<LaunchedContainer> {
    checkCpus(cpus, this.#machine);
    const wanted = command.length === 0 ? WAITING_COMMAND : command;
    const child = spawn('/bin/sh', [...GATED, ...wanted], {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: toProcessEnv(env),
      // A group of its own, to be ended as a whole, which a terminal's Ctrl-C does not reach.
      detached: true,
    });
    const exited = new Promise<number>((resolve) => {
      child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGTERM' ? 143 : 137)));
    });
    const pid = await this.#letGo(child, { containerId, cpus, mems, exited });
    return {
      pid,
      exited: this.#cleanUp(containerId, exited),
      setCpus: async (next) => this.#control.setCpus(containerId, pid, checkCpus(next, this.#machine)),
      setMems: (next) => this.#control.setMems(containerId, next),
      readCpus: async () => parseAllowedCpus(await readFile(`/proc/${pid}/status`, 'utf8')),
      signal: (name) => signalGroup(child, name),
    };
  }

  close(): Promise<void> {
    return this.#control.close();
  }

  /** Gives a process that waits its CPUs and lets it go; its pid. */
  async #letGo(
    child: ChildProcess,
    {
      containerId,
      cpus,
      mems,
      exited,
    }: Pick<LaunchSpec, 'containerId' | 'cpus' | 'mems'> & { exited: Promise<number> },
  ): Promise<number> {
    // A process that ends before it read its line breaks the pipe, which its exit code tells better.
    child.stdin?.on('error', () => undefined);
    try {
      await once(child, 'spawn');
    } catch (error) {
      throw new RuntimeError('CannotStart', `Cannot start a container: ${errorText(error)}`, { cause: error });
    }
    const { pid } = child;
    invariant(pid !== undefined, 'a process that was spawned has a pid');
    try {
      await this.#control.attach(containerId, pid, cpus);
      if (mems !== '') await this.#control.setMems(containerId, mems);
    } catch (error) {
      signalGroup(child, 'SIGKILL');
      await this.#cleanUp(containerId, exited);
      throw error;
    }
    child.stdin?.write('\n');
    return pid;
  }

  async #cleanUp(containerId: string, exited: Promise<number>): Promise<number> {
    const exitCode = await exited;
    await this.#control.remove(containerId);
    return exitCode;
  }
}

/** Signals a process and what it started; not one that has ended, whose number may be another's by now. */
function signalGroup(child: ChildProcess, name: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function toProcessEnv(entries: readonly string[]): Record<string, string> {
  const env: Record<string, string> = { PATH: '/usr/local/bin:/usr/bin:/bin' };
  for (const entry of entries) {
    const end = entry.indexOf('=');
    if (end > 0) env[entry.slice(0, end)] = entry.slice(end + 1);
  }
  return env;
}

/** Containers that exist in the books only, on a machine that does. */
class SimulatedLauncher implements Launcher {
  readonly kind = 'simulated';
  readonly #machine: CpuSet;

  constructor(machine: CpuSet) {
    this.#machine = machine;
  }

  async launch({ cpus }: LaunchSpec): Promise<LaunchedContainer> {
    let current = checkCpus(cpus, this.#machine);
    const { promise: exited, resolve } = Promise.withResolvers<number>();
    return {
      pid: undefined,
      exited,
      setCpus: async (next) => {
        current = checkCpus(next, this.#machine);
      },
      setMems: async () => {},
      readCpus: () => Promise.resolve(current),
      signal: (name) => resolve(name === 'SIGTERM' ? 143 : 137),
    };
  }

  async close(): Promise<void> {}
}

/** Makes the launcher that was asked for; `name` marks what it leaves on the system while it runs. */
export async function createLauncher(kind: 'process' | 'simulated', machine: CpuSet, name: string): Promise<Launcher> {
  if (kind === 'simulated') return new SimulatedLauncher(machine);
  return new ProcessLauncher(await findCpuControl(name, machine), machine);
}
