import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CpuSet } from '../../../src/cpuset/cpu-set.ts';

/** A machine as its sysfs shows it: NUMA nodes that are sockets of their own, cores of two threads, second threads last. */
export interface MachineShape {
  readonly nodes: number;
  readonly coresPerNode: number;
}

/** Every CPU of the machine. */
export function allCpus({ nodes, coresPerNode }: MachineShape): CpuSet {
  return CpuSet.range(0, nodes * coresPerNode * 2 - 1);
}

/** The CPUs of one NUMA node. */
export function cpusOfNode({ nodes, coresPerNode }: MachineShape, node: number): CpuSet {
  const first = node * coresPerNode;
  const last = first + coresPerNode - 1;
  const coreCount = nodes * coresPerNode;
  return CpuSet.range(first, last).union(CpuSet.range(first + coreCount, last + coreCount));
}

function cpuFiles(shape: MachineShape, cpu: number): [string, string][] {
  const coreCount = shape.nodes * shape.coresPerNode;
  const core = cpu % coreCount;
  const node = Math.floor(core / shape.coresPerNode);
  const siblings = `${core},${core + coreCount}`;
  const nodeCpus = cpusOfNode(shape, node).toString();
  const directory = `cpu/cpu${cpu}`;
  return [
    [`${directory}/online`, '1'],
    [`${directory}/topology/physical_package_id`, `${node}`],
    [`${directory}/topology/die_id`, `${node}`],
    [`${directory}/topology/core_id`, `${core % shape.coresPerNode}`],
    [`${directory}/topology/package_cpus_list`, nodeCpus],
    [`${directory}/topology/die_cpus_list`, nodeCpus],
    [`${directory}/topology/core_cpus_list`, siblings],
    [`${directory}/cache/index3/level`, '3'],
    [`${directory}/cache/index3/type`, 'Unified'],
    [`${directory}/cache/index3/size`, '32768K'],
    [`${directory}/cache/index3/id`, `${node}`],
    [`${directory}/cache/index3/shared_cpu_list`, nodeCpus],
  ];
}

function nodeFiles(shape: MachineShape, node: number): [string, string][] {
  const distances = Array.from({ length: shape.nodes }, (_, other) => (other === node ? 10 : 20));
  return [
    [`node/node${node}/cpulist`, cpusOfNode(shape, node).toString()],
    [`node/node${node}/distance`, distances.join(' ')],
  ];
}

/** Writes the machine's sysfs below `hostRoot` (Documentation/ABI/stable/sysfs-devices-system-cpu, Linux 6.18). */
export function writeMachine(hostRoot: string, shape: MachineShape): void {
  const cpus = allCpus(shape);
  const nodes = Array.from({ length: shape.nodes }, (_, node) => node);
  const files: [string, string][] = [
    ['cpu/online', cpus.toString()],
    ['cpu/present', cpus.toString()],
    ['cpu/possible', cpus.toString()],
    ['cpu/isolated', ''],
    ['cpu/smt/active', '1'],
    ['node/online', CpuSet.from(nodes).toString()],
    ['node/has_memory', CpuSet.from(nodes).toString()],
    ...[...cpus].flatMap((cpu) => cpuFiles(shape, cpu)),
    ...nodes.flatMap((node) => nodeFiles(shape, node)),
  ];
  for (const [path, text] of files) {
    const file = join(hostRoot, 'sys/devices/system', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${text}\n`);
  }
}
