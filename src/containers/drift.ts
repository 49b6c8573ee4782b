import type { CpuSet } from '../cpuset/cpu-set.ts';
import { errorText, type Log } from '../lib/log.ts';
import { type ContainerFacts, type ContainerPlace, describeContainer, type DecidedContainer } from './container.ts';
import type { Containers } from './containers.ts';

/** A set of CPUs or of NUMA nodes as a cgroup has it. */
interface SetReading {
  /** What was asked for. */
  readonly configured: CpuSet;
  /** What the kernel makes of it: without offline CPUs and within the parent's, or all of the parent's when nothing is left. */
  readonly effective: CpuSet;
}

/** A container's cpuset as its cgroup has it. */
export interface CpusetReading extends SetReading {
  /** The NUMA nodes of its memory; undefined where the cgroup does not tell. */
  readonly memoryNodes?: SetReading | undefined;
}

/**
 * How a real cpuset stands to the wanted one: `limited` is as configured but cut by a cgroup above, which no update can
 * mend; `wide` reaches CPUs that it must not; `other` has not all it could.
 */
export type DriftVerdict = 'none' | 'limited' | 'wide' | 'other';

function judgeSet(wanted: CpuSet, { configured, effective }: SetReading): DriftVerdict {
  if (effective.equals(wanted)) return 'none';
  if (!effective.isSubsetOf(wanted)) return 'wide';
  return configured.equals(wanted) ? 'limited' : 'other';
}

/** Verdicts, the one that asks for most first. */
const BY_GRAVITY = ['wide', 'other', 'limited', 'none'] as const satisfies readonly DriftVerdict[];

/**
 * Compares a container's real cpuset with the wanted one, which holds online CPUs only: the graver of what is to be said of
 * its CPUs and of its memory, where that is bound.
 */
export function judgeDrift({ cpus, memoryNodes }: ContainerPlace, reading: CpusetReading): DriftVerdict {
  const verdicts = [judgeSet(cpus, reading)];
  if (memoryNodes && reading.memoryNodes) verdicts.push(judgeSet(memoryNodes, reading.memoryNodes));
  return BY_GRAVITY.find((verdict) => verdicts.includes(verdict)) ?? 'none';
}

/** Where a container is and is not meant to be: "runs on CPUs 0-7 instead of 2-3". */
function describeDrift({ cpus, memoryNodes }: ContainerPlace, reading: CpusetReading): string {
  const parts: string[] = [];
  if (!reading.effective.equals(cpus)) parts.push(`runs on CPUs ${reading.effective} instead of ${cpus}`);
  const real = reading.memoryNodes?.effective;
  if (memoryNodes && real && !real.equals(memoryNodes)) {
    parts.push(`has its memory on NUMA nodes ${real} instead of ${memoryNodes}`);
  }
  return parts.join(' and ');
}

/** A container that is not where it is meant to be. */
export interface DriftedContainer {
  readonly container: string;
  readonly id: string;
  readonly verdict: Exclude<DriftVerdict, 'none'>;
  readonly wanted: CpuSet;
  readonly effective: CpuSet;
  /** Whether it withstood an attempt to move it. */
  readonly isStuck: boolean;
  /** The same for people, its memory included: "runs on CPUs 0-7 instead of 2-3". */
  readonly state: string;
}

/** A container with a claim of which CPUs are offline. */
export interface CrippledContainer {
  readonly container: string;
  readonly id: string;
  /** The claim's CPUs that are offline; the container runs on the others, or in the shared pool when there are none. */
  readonly offline: CpuSet;
  readonly isHomeless: boolean;
}

/** The result of looking at every container once. */
export interface DriftReport {
  /** Containers whose cgroups could be read. */
  readonly checked: number;
  /** Running containers whose cgroups could not be read. */
  readonly unreadable: number;
  /** Seen in two rounds, so that they are no change under way. */
  readonly drifted: readonly DriftedContainer[];
  readonly crippled: readonly CrippledContainer[];
}

/** What became of a drifted container. */
export type DriftOutcome = 'repaired' | 'failed';

/** What the watch needs of the world. */
export interface DriftPorts {
  /** The container's cpuset; undefined when there is none to be found. */
  readonly readCpuset: (facts: ContainerFacts) => Promise<CpusetReading | undefined>;
  /** Online CPUs of the machine. */
  readonly readOnline: () => CpuSet;
  /** Tells the runtime what is due, by all means. */
  readonly push: () => Promise<void>;
  /** Called for each container that was brought back or withstood an attempt. */
  readonly onOutcome: (outcome: DriftOutcome) => void;
  /** Called once for a container that withstood an attempt to move it off CPUs that it must not use. */
  readonly onStuck?: (container: DriftedContainer) => void;
  readonly log: Log;
}

/** A running container whose cpuset could not be read, and why. */
interface Unread {
  readonly facts: ContainerFacts;
  readonly reason: string;
}

/** Where a container is on its way from being noticed to being repaired. */
type Stage = 'noticed' | 'repairing' | 'failed';

/**
 * Compares what the kernel has with what was decided, and repairs: the runtime may have failed an update without a word,
 * somebody may have written to a cgroup, CPUs may have gone offline (then the kernel silently gives a container that has
 * none left all CPUs of its parent). One call of `check` is one round; a difference seen in two rounds is repaired.
 */
export class DriftWatch {
  readonly #containers: Containers;
  readonly #ports: DriftPorts;
  readonly #stages = new Map<string, { readonly wanted: string; readonly stage: Stage }>();
  /** In how many rounds in a row the cpuset of a running container could not be read, by id. */
  readonly #unreadRounds = new Map<string, number>();
  #offlineText = '';

  constructor(containers: Containers, ports: DriftPorts) {
    this.#containers = containers;
    this.#ports = ports;
  }

  /** Looks at every container once, and repairs what was also found the last time. */
  async check(): Promise<DriftReport> {
    const online = this.#ports.readOnline();
    this.#containers.observeOnline(online);
    const crippled = this.#findCrippled(online);
    const seen = new Set<string>();
    const drifted: DriftedContainer[] = [];
    const unread: Unread[] = [];
    let checked = 0;
    for (const { facts } of this.#containers.decided) {
      seen.add(facts.id);
      const reading = await this.#read(facts);
      // Decided anew after the reading: a claim may have come or gone meanwhile.
      const now = this.#containers.find(facts.id);
      if ('reason' in reading) {
        if (now?.facts.pid !== undefined) unread.push({ facts, reason: reading.reason });
        continue;
      }
      if (!now || now.cpus.isEmpty) continue;
      checked += 1;
      const found = this.#judge(now, reading);
      if (found) drifted.push(found);
    }
    for (const id of this.#stages.keys()) if (!seen.has(id)) this.#stages.delete(id);
    this.#countUnread(unread);
    await this.#ports.push();
    return { checked, unreadable: unread.length, drifted, crippled };
  }

  async #read(facts: ContainerFacts): Promise<CpusetReading | { readonly reason: string }> {
    try {
      return (await this.#ports.readCpuset(facts)) ?? { reason: 'it has no cgroup there' };
    } catch (error) {
      return { reason: errorText(error) };
    }
  }

  /** Tells once of running containers that nobody watches over; one that is ending is not seen in two rounds. */
  #countUnread(unread: readonly Unread[]): void {
    const ids = new Set(unread.map(({ facts }) => facts.id));
    for (const id of this.#unreadRounds.keys()) if (!ids.has(id)) this.#unreadRounds.delete(id);
    for (const id of ids) this.#unreadRounds.set(id, (this.#unreadRounds.get(id) ?? 0) + 1);
    const [first, ...others] = unread.filter(({ facts }) => this.#unreadRounds.get(facts.id) === 2);
    if (!first) return;
    this.#ports.log.warn(
      "cpusets of running containers cannot be read, so that changes by others go unnoticed; mount the host's /proc and " +
        '/sys/fs/cgroup where HOST_ROOT says',
      { container: describeContainer(first.facts), reason: first.reason, others: others.length },
    );
  }

  /** Moves a container one stage on; it is returned when it was found in two rounds. */
  #judge(decided: DecidedContainer, reading: CpusetReading): DriftedContainer | undefined {
    const { facts, cpus, memoryNodes } = decided;
    const { id } = facts;
    const verdict = judgeDrift(decided, reading);
    const before = this.#stages.get(id);
    if (verdict === 'none') {
      this.#stages.delete(id);
      if (before && before.stage !== 'noticed') this.#report('repaired', decided, reading);
      return undefined;
    }
    const wanted = `${cpus} ${memoryNodes ?? ''}`;
    const isSame = before?.wanted === wanted;
    const stage = this.#nextStage(isSame ? before.stage : undefined, verdict);
    this.#stages.set(id, { wanted, stage });
    if (stage === 'noticed') return undefined;
    if (verdict !== 'limited') this.#containers.forgetTold(id);
    const { effective } = reading;
    const state = describeDrift(decided, reading);
    const isStuck = stage === 'failed';
    const drifted = { container: describeContainer(facts), id, verdict, wanted: cpus, effective, isStuck, state };
    if (isStuck && before?.stage !== 'failed') {
      this.#report('failed', decided, reading);
      if (verdict === 'wide') this.#ports.onStuck?.(drifted);
    }
    return drifted;
  }

  #nextStage(before: Stage | undefined, verdict: DriftVerdict): Stage {
    if (before === undefined) return 'noticed';
    return before === 'noticed' && verdict !== 'limited' ? 'repairing' : 'failed';
  }

  #report(outcome: DriftOutcome, { facts, cpus, memoryNodes }: DecidedContainer, reading: CpusetReading): void {
    this.#ports.onOutcome(outcome);
    const fields = {
      container: describeContainer(facts),
      wanted: cpus.toString(),
      configured: reading.configured.toString(),
      effective: reading.effective.toString(),
      ...(memoryNodes && {
        wantedMemory: memoryNodes.toString(),
        effectiveMemory: reading.memoryNodes?.effective.toString(),
      }),
    };
    if (outcome === 'repaired') this.#ports.log.warn('container had another cpuset than decided; repaired', fields);
    else this.#ports.log.error('container has another cpuset than decided, and keeps it', fields);
  }

  #findCrippled(online: CpuSet): CrippledContainer[] {
    const crippled = this.#containers.decided.flatMap(({ facts, exclusive }): CrippledContainer[] => {
      const offline = exclusive?.difference(online);
      if (!exclusive || !offline || offline.isEmpty) return [];
      const isHomeless = offline.equals(exclusive);
      return [{ container: describeContainer(facts), id: facts.id, offline, isHomeless }];
    });
    const text = crippled.map(({ id, offline }) => `${id} ${offline}`).join(' ');
    if (text !== this.#offlineText) {
      for (const { container, offline, isHomeless } of crippled) {
        this.#ports.log.error('CPUs of a claim are offline', { container, offline: offline.toString(), isHomeless });
      }
      if (crippled.length === 0) this.#ports.log.info('all CPUs of claims are online again');
    }
    this.#offlineText = text;
    return crippled;
  }
}
