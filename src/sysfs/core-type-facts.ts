import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuGroup } from '../topology/facts.ts';
import { CPU_DIRECTORY, type SysfsReader } from './sysfs-reader.ts';

/**
 * How much faster the slowest performance core is than the fastest efficiency core, at least. Cores of one kind differ by
 * up to 11 % (Turbo Boost Max, favoured cores; capacities of one Arm core type by up to 3 %), kinds by 19 % and more.
 */
const KIND_RATIO_MIN = 1.15;

/** No hybrid processor has more CPUs or a second socket (largest in 2025: 32 CPUs): others are not asked for frequencies. */
const HYBRID_CPUS_MAX = 64;

interface CoreSpeed {
  readonly cpus: CpuSet;
  readonly speed: number;
}

/** The CPUs below the widest step in speed, or undefined where no step is wide enough. */
function splitBySpeed(cores: readonly CoreSpeed[]): CpuSet | undefined {
  const sorted = cores.toSorted((a, b) => a.speed - b.speed);
  let split: { readonly at: number; readonly ratio: number } | undefined;
  for (const [at, { speed }] of sorted.entries()) {
    const ratio = speed / (sorted[at - 1]?.speed ?? speed);
    if (ratio >= KIND_RATIO_MIN && ratio > (split?.ratio ?? 0)) split = { at, ratio };
  }
  return split && CpuSet.unionOf(sorted.slice(0, split.at).map(({ cpus }) => cpus));
}

/** One number for each core from the file `name` of its first CPU; undefined unless every core has one. */
function readSpeeds(reader: SysfsReader, cores: readonly CpuGroup[], name: string): CoreSpeed[] | undefined {
  const speeds: CoreSpeed[] = [];
  for (const { cpus } of cores) {
    const speed = reader.readId(`${CPU_DIRECTORY}/cpu${cpus.first}/${name}`);
    if (!speed) return undefined;
    speeds.push({ cpus, speed });
  }
  return speeds;
}

/**
 * The E-cores of an Intel hybrid processor: the CPUs of the performance monitoring units `cpu_atom` and, on processors with
 * a third kind of core, `cpu_lowpower` (arch/x86/events/intel/core.c, Linux 6.13).
 */
function readIntelECores(reader: SysfsReader, online: CpuSet): CpuSet | undefined {
  const units = ['cpu_atom', 'cpu_lowpower'].flatMap((unit) => reader.readList(`devices/${unit}/cpus`) ?? []);
  if (units.length === 0) return undefined;
  const eCores = CpuSet.unionOf(units);
  const hasPCores = reader.readText('devices/cpu_core/cpus') !== undefined || !online.isSubsetOf(eCores);
  return hasPCores ? eCores : undefined;
}

/**
 * The CPUs of efficiency cores, or undefined where all cores are of one kind. Intel names them; Arm and RISC-V give each
 * CPU a capacity (Documentation/devicetree/bindings/cpu/cpu-capacity.txt), split here at its widest step; the maximum
 * frequency is the last hint, for small machines only.
 */
export function readECores(
  reader: SysfsReader,
  groups: { readonly online: CpuSet; readonly cores: readonly CpuGroup[]; readonly sockets: readonly CpuGroup[] },
): CpuSet | undefined {
  const intel = readIntelECores(reader, groups.online);
  if (intel) return intel;
  const capacities = readSpeeds(reader, groups.cores, 'cpu_capacity');
  if (capacities) return splitBySpeed(capacities);
  if (groups.sockets.length > 1 || groups.online.size > HYBRID_CPUS_MAX) return undefined;
  const frequencies = readSpeeds(reader, groups.cores, 'cpufreq/cpuinfo_max_freq');
  return frequencies && splitBySpeed(frequencies);
}
