import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editMachine, readTree } from './testing/edited-machine.ts';

/** "pppee" for the core types of a machine's CPUs, "-" for those of one kind only. */
function typesOf(machine: string, files: Readonly<Record<string, string | number>>): string {
  const { files: base, links } = editMachine(machine, {});
  const set = Object.entries(files).map(([path, text]) => [`sys/devices/${path}`, `${text}\n`] as const);
  const { cpus } = readTree({ files: new Map([...base, ...set]), links });
  return cpus.map(({ coreType }) => ({ standard: '-', 'p-core': 'p', 'e-core': 'e' })[coreType]).join('');
}

/** One file of every CPU. */
function perCpu(name: string, values: readonly number[]): Record<string, number> {
  return Object.fromEntries(values.map((value, cpu) => [`system/cpu/cpu${cpu}/${name}`, value]));
}

const capacity = (...values: number[]) => perCpu('cpu_capacity', values);
const frequency = (...values: number[]) => perCpu('cpufreq/cpuinfo_max_freq', values);

const cases: [name: string, machine: string, files: Readonly<Record<string, string | number>>, want: string][] = [
  ['cores of one kind', 'core:4', {}, '----'],
  ['the units of an Intel hybrid', 'core:4', { 'cpu_core/cpus': '0-1', 'cpu_atom/cpus': '2-3' }, 'ppee'],
  [
    'a third kind of Intel core',
    'core:4',
    { 'cpu_core/cpus': '0', 'cpu_atom/cpus': '1-2', 'cpu_lowpower/cpus': '3' },
    'peee',
  ],
  ['only E-cores', 'core:4', { 'cpu_atom/cpus': '0-3' }, '----'],
  ['P-cores that are all offline', 'core:4', { 'cpu_core/cpus': '', 'cpu_atom/cpus': '0-3' }, 'eeee'],
  ['two Arm capacities', 'core:4', capacity(446, 446, 1024, 1024), 'eepp'],
  ['three Arm capacities, split at the widest step', 'core:4', capacity(250, 700, 1024, 1024), 'eppp'],
  ['capacities of one kind that nearly agree', 'core:4', capacity(997, 1017, 1024, 1024), '----'],
  ['a capacity that one CPU lacks', 'core:4', capacity(446, 446, 1024), '----'],
  ['maximum frequencies far apart', 'core:4', frequency(5_000_000, 5_000_000, 3_800_000, 3_800_000), 'ppee'],
  ['favoured cores', 'core:4', frequency(5_300_000, 5_300_000, 4_900_000, 4_900_000), '----'],
  ['frequencies of two sockets', 'pack:2 core:2', frequency(5_000_000, 5_000_000, 3_000_000, 3_000_000), '----'],
  [
    'capacities before frequencies',
    'core:4',
    { ...capacity(1024, 1024, 1024, 1024), ...frequency(5_000_000, 5_000_000, 3_000_000, 3_000_000) },
    '----',
  ],
  [
    'Intel units before capacities',
    'core:2',
    { 'cpu_core/cpus': '0', 'cpu_atom/cpus': '1', ...capacity(400, 1024) },
    'pe',
  ],
];

for (const [name, machine, files, want] of cases) {
  test(`readTopology tells core types by ${name}`, () => assert.equal(typesOf(machine, files), want));
}
