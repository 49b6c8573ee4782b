import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuGroup } from '../topology/facts.ts';
import type { SysfsReader } from './sysfs-reader.ts';
import type { SetStatement, TopologyDirectories } from './topology-directory.ts';
import type { TopologyKind } from './topology-files.ts';

/** The online CPUs whose groups are being read. */
export interface GroupSource {
  readonly reader: SysfsReader;
  readonly directories: TopologyDirectories;
  readonly online: CpuSet;
}

/**
 * The CPUs of a group: those that `statement` names among `left`. Online CPUs beyond those are in another group already, or
 * in another socket; they stay there and are reported.
 */
export function settleClaim(
  reader: SysfsReader,
  statement: SetStatement,
  { online, left }: { readonly online: CpuSet; readonly left: CpuSet },
): CpuSet {
  const { path, cpus } = statement;
  const elsewhere = cpus.intersection(online).difference(left);
  if (!elsewhere.isEmpty) {
    reader.report(path, `is "${cpus}"; the files of other CPUs place "${elsewhere}" elsewhere`);
  }
  return cpus.intersection(left);
}

/** Collects the CPUs that tell only the number of their group, by that number. */
class NumberedGroups {
  readonly #cpus = new Map<string, { readonly id: number; readonly cpus: number[] }>();

  add(cpu: number, id: number, within: string): void {
    const key = `${within}/${id}`;
    const group = this.#cpus.get(key);
    if (group) group.cpus.push(cpu);
    else this.#cpus.set(key, { id, cpus: [cpu] });
  }

  toGroups(): CpuGroup[] {
    return [...this.#cpus.values()].map(({ id, cpus }) => ({ id, cpus: CpuSet.from(cpus) }));
  }
}

/**
 * The groups of `kind` that every CPU of `parent` is in: cores and sockets. CPUs that tell nothing are where others list them,
 * or in none.
 */
function readCompulsory(
  { reader, directories, online }: GroupSource,
  { kind, parent, within }: { kind: TopologyKind; parent: CpuSet; within: (cpu: number) => string },
): CpuGroup[] {
  const groups: CpuGroup[] = [];
  const numbered = new NumberedGroups();
  let left = parent;
  let silent = CpuSet.empty;
  for (let cpu = left.first; cpu !== undefined; cpu = left.first) {
    const own = CpuSet.of(cpu);
    const statement = directories.readSet(cpu, kind);
    const id = directories.readId(cpu, kind);
    const cpus = statement ? settleClaim(reader, statement, { online, left: left.union(silent) }) : own;
    if (statement) groups.push({ cpus, id });
    else if (id !== undefined) numbered.add(cpu, id, within(cpu));
    silent = statement || id !== undefined ? silent.difference(cpus) : silent.union(own);
    left = left.difference(cpus);
  }
  for (const cpu of silent) reader.report(directories.pathOf(cpu), `does not tell the ${kind} of CPU ${cpu}`);
  return [...groups, ...numbered.toGroups()];
}

/** What `cluster_id` says where firmware and processor tell none: -1 in 16 bits (arch/x86 topology, Linux 6.1). */
const NO_CLUSTER = 65_535;

/** The kernel's number of a group that a CPU may be in; undefined where it is in none. */
function readOptionalId({ directories }: GroupSource, cpu: number, kind: TopologyKind): number | undefined {
  const id = directories.readId(cpu, kind);
  return kind === 'cluster' && id === NO_CLUSTER ? undefined : id;
}

/**
 * The groups of `kind` that a CPU of `parent` may be in: dies and clusters. Where neither its first nor its last CPU knows of
 * any, none does: firmware tells of them for a whole socket, or for one kind of core, which has its CPUs at one end.
 */
function readOptional(source: GroupSource, kind: TopologyKind, parent: CpuSet): CpuGroup[] {
  const { reader, directories, online } = source;
  const ends = [parent.first, parent.last];
  if (ends.every((cpu) => cpu === undefined || readOptionalId(source, cpu, kind) === undefined)) return [];
  const groups: CpuGroup[] = [];
  const numbered = new NumberedGroups();
  let left = parent;
  for (let cpu = left.first; cpu !== undefined; cpu = left.first) {
    const id = readOptionalId(source, cpu, kind);
    const statement = id === undefined ? undefined : directories.readSet(cpu, kind);
    const cpus = statement ? settleClaim(reader, statement, { online, left }) : CpuSet.of(cpu);
    if (statement) groups.push({ cpus, id });
    else if (id !== undefined) numbered.add(cpu, id, '');
    left = left.difference(cpus);
  }
  return [...groups, ...numbered.toGroups()];
}

/** Reports sockets that carry the same number although their CPUs list different sets. */
function reportRepeatedIds(source: GroupSource, sockets: readonly CpuGroup[]): void {
  const firstWith = new Map<number, CpuGroup>();
  for (const socket of sockets) {
    if (socket.id === undefined) continue;
    const other = firstWith.get(socket.id);
    if (!other) firstWith.set(socket.id, socket);
    else {
      const path = `${source.directories.pathOf(socket.cpus.first ?? 0)}/physical_package_id`;
      source.reader.report(
        path,
        `is ${socket.id}, as for the CPUs "${other.cpus}", which are listed as another package`,
      );
    }
  }
}

/** Groups of CPUs below the machine, as the `topology/` directories tell them. */
export interface TopologyGroups {
  readonly sockets: readonly CpuGroup[];
  readonly dies: readonly CpuGroup[];
  readonly clusters: readonly CpuGroup[];
  readonly cores: readonly CpuGroup[];
  /** As in MachineFacts. */
  readonly ownCoreIds: ReadonlyMap<number, number>;
}

/**
 * The `core_id` of threads that have another one than their core's first. Processors number all their threads in one way: one
 * thread that has the number of its core tells that all do.
 */
function readOwnCoreIds({ directories }: GroupSource, cores: readonly CpuGroup[]): Map<number, number> {
  const differs = ({ cpu, core }: { cpu: number; core: CpuGroup }) => {
    const id = directories.readId(cpu, 'core');
    return id === undefined || id === core.id ? [] : [[cpu, id] as const];
  };
  const threads = cores.flatMap((core) => core.cpus.toArray().map((cpu, thread) => ({ cpu, thread, core })));
  const further = threads.filter(({ thread }) => thread > 0);
  const sample = further.at(-1);
  return new Map(sample && differs(sample).length > 0 ? further.flatMap(differs) : []);
}

/**
 * Reads sockets, dies, clusters and cores. One CPU of each group is asked: the sets it lists hold for the others too.
 *
 * A group is its set of CPUs; the kernel's number counts only where no set is given (sysfs overlays), and then together
 * with those of the groups around it.
 */
export function readTopologyGroups(source: GroupSource): TopologyGroups {
  const found = readCompulsory(source, { kind: 'socket', parent: source.online, within: () => '' });
  reportRepeatedIds(source, found);
  const homeless = source.online.difference(CpuSet.unionOf(found.map(({ cpus }) => cpus)));
  const sockets = homeless.isEmpty ? found : [...found, { cpus: homeless, id: undefined }];
  const dies = sockets.flatMap(({ cpus }) => readOptional(source, 'die', cpus));
  const clusters = sockets.flatMap(({ cpus }) => readOptional(source, 'cluster', cpus));
  const within = (cpu: number) =>
    [sockets, dies, clusters].map((groups) => groups.findIndex(({ cpus }) => cpus.has(cpu))).join('/');
  const cores = sockets.flatMap(({ cpus }) => readCompulsory(source, { kind: 'core', parent: cpus, within }));
  return { sockets, dies, clusters, cores, ownCoreIds: readOwnCoreIds(source, cores) };
}
