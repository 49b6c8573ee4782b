/**
 * What reading a machine's topology costs: files read and time, on trees of 128 and 512 CPUs on disk, beside a plain reader
 * that asks every CPU for every fact as most programs do. Both read the same tree in turns, in one process.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCpuList } from '../src/cpuset/parse.ts';
import { writeMachine } from '../embedded/machine/write-machine.ts';
import { readTopologyFrom } from '../src/sysfs/read-topology.ts';
import { openSysfs, type Sysfs } from '../src/sysfs/sysfs.ts';
import { parseSynthetic } from '../src/topology/synthetic.ts';

interface Machine {
  readonly cpus: number;
  readonly text: string;
  /** Microseconds that the reference driver (Go) takes on a tree of that size, where it was measured. */
  readonly referenceMicros?: number;
  readonly targetMicros: number;
}

const MACHINES: readonly Machine[] = [
  { cpus: 128, text: 'pack:2 numa:2 l3:2 core:8 pu:2', referenceMicros: 9_700, targetMicros: 4_000 },
  { cpus: 512, text: 'pack:2 numa:4 l3:4 core:8 pu:2', targetMicros: 12_000 },
];

const WARM_UPS = 5;
const ROUNDS = 31;

/** Reads each CPU's facts one by one: package, core and die numbers, sibling lists, every cache's level, id and CPUs, node. */
function readPlainly(sysfs: Sysfs): number {
  const read = (path: string) => sysfs.readText(path)?.trim() ?? '';
  const cpu = 'devices/system/cpu';
  let facts = 0;
  for (const id of parseCpuList(read(`${cpu}/online`))) {
    const topology = `${cpu}/cpu${id}/topology`;
    for (const name of ['physical_package_id', 'core_id', 'die_id', 'cluster_id'])
      facts += Number(read(`${topology}/${name}`));
    for (const name of ['core_cpus_list', 'package_cpus_list']) facts += parseCpuList(read(`${topology}/${name}`)).size;
    for (const index of sysfs.listDirectory(`${cpu}/cpu${id}/cache`)) {
      const cache = `${cpu}/cpu${id}/cache/${index}`;
      if (read(`${cache}/level`) !== '3') continue;
      facts += Number(read(`${cache}/id`)) + parseCpuList(read(`${cache}/shared_cpu_list`)).size;
    }
    facts += sysfs.listDirectory(`${cpu}/cpu${id}`).filter((name) => name.startsWith('node')).length;
  }
  for (const name of sysfs.listDirectory('devices/system/node')) {
    if (/^node\d+$/.test(name)) facts += parseCpuList(read(`devices/system/node/${name}/cpulist`)).size;
  }
  return facts;
}

function readOurs(sysfs: Sysfs): number {
  return readTopologyFrom(sysfs, { hostRoot: '/', pcieRoots: false }).cpus.length;
}

/** A sysfs that counts the files and directories it is asked for. */
function countReads(sysfs: Sysfs): Sysfs & { readonly counts: { files: number; directories: number } } {
  const counts = { files: 0, directories: 0 };
  return {
    ...sysfs,
    counts,
    readText: (path) => {
      counts.files += 1;
      return sysfs.readText(path);
    },
    listDirectory: (path) => {
      counts.directories += 1;
      return sysfs.listDirectory(path);
    },
  };
}

function timeMicros(call: () => unknown): number {
  const start = process.hrtime.bigint();
  call();
  return Number(process.hrtime.bigint() - start) / 1_000;
}

/** Processor time of the process, kernel included: what a busy machine does not change. */
function cpuMicros(call: () => unknown): number {
  const start = process.cpuUsage();
  for (let i = 0; i < ROUNDS; i += 1) call();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / ROUNDS;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function print(row: Readonly<Record<string, string | number>>): void {
  process.stdout.write(`${JSON.stringify(row)}\n`);
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

function benchMachine({ cpus, text, referenceMicros, targetMicros }: Machine, hostRoot: string): void {
  writeMachine(hostRoot, parseSynthetic(text));
  const sysfs = openSysfs(hostRoot);
  const first = timeMicros(() => readOurs(sysfs));
  const times: { readonly ours: number[]; readonly plain: number[] } = { ours: [], plain: [] };
  for (let round = 0; round < WARM_UPS + ROUNDS; round += 1) {
    const ours = timeMicros(() => readOurs(sysfs));
    const plain = timeMicros(() => readPlainly(sysfs));
    if (round < WARM_UPS) continue;
    times.ours.push(ours);
    times.plain.push(plain);
  }
  const [counted, countedPlainly] = [countReads(sysfs), countReads(sysfs)];
  readOurs(counted);
  readPlainly(countedPlainly);
  const name = `topology/read/${cpus}`;
  const plain = round(median(times.plain));
  print({ bench: `${name}/time`, value: round(median(times.ours)), unit: 'us', baseline: plain, target: targetMicros });
  if (referenceMicros !== undefined) {
    print({
      bench: `${name}/time-beside-reference`,
      value: round(median(times.ours)),
      unit: 'us',
      baseline: referenceMicros,
    });
  }
  print({
    bench: `${name}/processor-time`,
    value: round(cpuMicros(() => readOurs(sysfs))),
    unit: 'us',
    baseline: round(cpuMicros(() => readPlainly(sysfs))),
  });
  print({ bench: `${name}/first-time`, value: round(first), unit: 'us' });
  print({ bench: `${name}/files`, value: counted.counts.files, unit: 'files', baseline: countedPlainly.counts.files });
  print({
    bench: `${name}/directories`,
    value: counted.counts.directories,
    unit: 'directories',
    baseline: countedPlainly.counts.directories,
  });
}

const folder = mkdtempSync(join(tmpdir(), 'topology-bench-'));
try {
  for (const machine of MACHINES) benchMachine(machine, join(folder, `${machine.cpus}`));
} finally {
  rmSync(folder, { recursive: true });
}
