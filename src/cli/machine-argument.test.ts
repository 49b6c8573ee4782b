import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { writeMachine } from '../../embedded/machine/write-machine.ts';
import { parseSynthetic } from '../topology/synthetic.ts';
import { topologyToJson } from '../topology/topology-json.ts';
import { MachineArgumentError, type MachineArgumentErrorCode, readMachineArgument } from './machine-argument.ts';

const folder = mkdtempSync(join(tmpdir(), 'machine-argument-'));
after(() => rmSync(folder, { recursive: true }));

const text = 'pack:2 l3:2 core:2 pu:2';
const topology = parseSynthetic(text);

test('readMachineArgument reads a folder with sys/, a JSON file and a synthetic text', () => {
  const [host, file] = [join(folder, 'host'), join(folder, 'machine.json')];
  writeMachine(host, topology);
  writeFileSync(file, JSON.stringify(topologyToJson(topology)));
  for (const argument of [host, file, text]) assert.deepEqual(readMachineArgument(argument), topology, argument);
});

test('readMachineArgument knows the machines of the catalogue, with and without prefix', () => {
  for (const argument of ['epyc-7763', 'machine:epyc-7763', 'EPYC-7763']) {
    assert.equal(readMachineArgument(argument).online.size, 256, argument);
  }
});

test('readMachineArgument takes a synthetic text too long for a file name', () => {
  assert.equal(readMachineArgument(`pack:2${' group:1'.repeat(600)} core:2`).online.size, 4);
});

const mistakes: [name: string, argument: string, code: MachineArgumentErrorCode, message: RegExp][] = [
  ['a name that is nearly known', 'epyc-9655', 'UnknownMachine', /"epyc-9655": .*did you mean "epyc-9654"\?/],
  [
    'a name that is not known',
    'machine:toaster',
    'UnknownMachine',
    /"machine:toaster": .*none of the known ones \(epyc-7763, /,
  ],
  ['a synthetic text with a mistake', 'pack:2 tile:2', 'InvalidMachine', /"tile" is no type/],
  [
    'a folder without sys/',
    join(folder, 'empty'),
    'InvalidMachine',
    /Cannot read the CPU topology under ".*empty": no CPU/,
  ],
  ['a file that is no JSON', join(folder, 'no.json'), 'InvalidMachine', /no.json": the file is no JSON/],
  ['a file that is no topology', join(folder, 'pod.json'), 'InvalidMachine', /: kind is "Pod".*pod.json/],
];

mkdirSync(join(folder, 'empty'));
writeFileSync(join(folder, 'no.json'), 'cpus:\n');
writeFileSync(join(folder, 'pod.json'), '{"kind":"Pod"}');

for (const [name, argument, code, message] of mistakes) {
  test(`readMachineArgument refuses ${name} as ${code}`, () => {
    assert.throws(
      () => readMachineArgument(argument),
      (error) => error instanceof MachineArgumentError && error.code === code && message.test(error.message),
    );
  });
}
