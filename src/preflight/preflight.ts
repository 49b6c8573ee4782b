import type { CpuSet } from '../cpuset/cpu-set.ts';
import { errorText, type Log } from '../lib/log.ts';
import { checkCpuManagerState } from './cpu-manager.ts';
import type { Finding } from './finding.ts';
import { checkPodsCgroup, type PodsCgroupFacts } from './pods-cgroup.ts';
import { checkReservedCpus } from './reserved-cpus.ts';

/** Where it is told whether the kubelet's CPU manager leaves containers alone. */
interface CpuManagerCondition {
  readonly hold: (name: 'cpu-manager-off') => void;
  readonly fail: (name: 'cpu-manager-off', reason: string) => void;
}

/** What the checks look at. */
export interface PreflightPorts {
  /** `<kubelet root>/cpu_manager_state`. */
  readonly cpuManagerStatePath: string;
  /** Reads a text file; rejects with the code of the operating system. */
  readonly readFile: (path: string) => Promise<string>;
  /** The Node object of this machine; rejects when the API server cannot be asked. */
  readonly fetchNode: () => Promise<unknown>;
  /** CPUs of this machine that the driver sets aside: a configuration may name others too. */
  readonly readReserved: () => CpuSet;
  /** The CPUs that containers of pods can have, and those of the machine. */
  readonly readPods: () => Omit<PodsCgroupFacts, 'reserved'>;
  readonly readiness: CpuManagerCondition;
  /** Called when a look found something else than the one before. */
  readonly onChange: () => void;
  readonly log: Log;
}

/** Files that are not there, or not mounted, tell nothing about the kubelet. */
const ABSENT_CODES: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR', 'EISDIR'];

/**
 * Looks whether the node's own settings contradict the driver's. Findings are told once, not at every look, and end when a
 * later look finds nothing. The CPU manager of the kubelet is a condition of readiness in addition.
 */
export class Preflight {
  readonly #ports: PreflightPorts;
  #cpuManager: Finding | undefined;
  #reserved: Finding | undefined;
  #pods: Finding | undefined;

  constructor(ports: PreflightPorts) {
    this.#ports = ports;
  }

  /** What the last look found. */
  get findings(): readonly Finding[] {
    return [this.#cpuManager, this.#reserved, this.#pods].filter((finding) => finding !== undefined);
  }

  /** Looks at everything. Never rejects: a check that cannot be made keeps its last result. */
  async run(): Promise<void> {
    this.lookAtPods();
    await Promise.all([this.lookAtKubelet(), this.#runReserved()]);
  }

  /** Looks at the kubelet's CPU manager only, which takes no time. Never rejects. */
  async lookAtKubelet(): Promise<void> {
    const { cpuManagerStatePath: path, readFile, readiness } = this.#ports;
    const before = this.#cpuManager;
    try {
      this.#cpuManager = checkCpuManagerState(path, await readFile(path));
    } catch (error) {
      if (!ABSENT_CODES.includes((error as NodeJS.ErrnoException).code))
        this.#reportUnmade('kubelet-cpu-manager', error);
      else this.#cpuManager = undefined;
    }
    if (this.#cpuManager?.severity === 'error') readiness.fail('cpu-manager-off', this.#cpuManager.message);
    else readiness.hold('cpu-manager-off');
    this.#tell(before, this.#cpuManager);
  }

  /** Looks at the cgroup of pods only, as after the machine has changed. Never throws. */
  lookAtPods(): void {
    const before = this.#pods;
    try {
      this.#pods = checkPodsCgroup({ ...this.#ports.readPods(), reserved: this.#ports.readReserved() });
    } catch (error) {
      this.#reportUnmade('pods-cgroup', error);
    }
    this.#tell(before, this.#pods);
  }

  async #runReserved(): Promise<void> {
    const before = this.#reserved;
    try {
      const node = await this.#ports.fetchNode();
      this.#reserved = checkReservedCpus(this.#ports.readReserved(), node);
    } catch (error) {
      this.#reportUnmade('reserved-cpus', error);
    }
    this.#tell(before, this.#reserved);
  }

  #reportUnmade(check: Finding['check'], error: unknown): void {
    this.#ports.log.debug('preflight check not made', { check, reason: errorText(error) });
  }

  #tell(before: Finding | undefined, after: Finding | undefined): void {
    if (before?.message === after?.message) return;
    const { log, onChange } = this.#ports;
    if (after)
      log[after.severity === 'error' ? 'error' : 'warn']('preflight check failed', {
        check: after.check,
        reason: after.message,
      });
    else if (before) log.info('preflight check passes again', { check: before.check });
    onChange();
  }
}
