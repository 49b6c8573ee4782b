/** `dracpu topology` as a program: what it prints, where, and its exit codes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { writeMachine } from '../embedded/machine/write-machine.ts';
import { parseSynthetic } from '../src/topology/synthetic.ts';
import { topologyFromJson } from '../src/topology/topology-from-json.ts';

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'topology-command-'));
after(() => rmSync(folder, { recursive: true }));

const topology = parseSynthetic('pack:2 [numa] l3:2(size=32MB) core:2 pu:2');
writeMachine(folder, topology);

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return spawnSync(process.execPath, [main, 'topology', ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}

test('dracpu topology prints a table of the machine', () => {
  const { status, stdout, stderr } = run(['--sysfs', folder]);
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /^16 CPUs, 8 cores, 2 sockets, 2 NUMA nodes, 4 L3 caches\n/);
  assert.match(stdout, /^1 {7}1 {5}2 \(32 MiB\) {2}4-5 {4}standard {2}2 {8}4-5 \+ 12-13$/m);
});

test('dracpu topology prints JSON and YAML that say the same, and reads the JSON back', () => {
  const json = run(['--sysfs', folder, '-o', 'json']);
  const yaml = run(['--sysfs', folder, '--output', 'yaml']);
  const document = JSON.parse(json.stdout);
  assert.deepEqual([document.apiVersion, document.kind], ['dra.cpu/v1alpha1', 'CPUTopology']);
  assert.deepEqual(document.cpus[9], {
    cpu: 9,
    socket: 0,
    socketId: 0,
    core: 1,
    coreId: 1,
    numaNode: 0,
    l3Cache: 0,
    siblings: '1,9',
    coreType: 'standard',
    isolated: false,
  });
  assert.deepEqual(document.numaNodes[0], { numaNode: 0, cpus: '0-3,8-11', hasMemory: true, distances: [10, 21] });
  assert.deepEqual(document.pcieRoots[1], { pcieRoot: 'pci0000:10', cpus: '4-7,12-15', numaNode: 1 });
  assert.deepEqual(topologyFromJson(document), topology);
  assert.deepEqual(parse(yaml.stdout), document);
});

test('dracpu topology draws a picture', () => {
  const { status, stdout } = run(['--sysfs', folder, '-o', 'svg']);
  assert.equal(status, 0);
  assert.match(stdout, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^]*<\/svg>\n$/);
});

test('dracpu topology reads the machine under HOST_ROOT unless told otherwise', () => {
  const { stdout } = run(['-o', 'json'], { HOST_ROOT: folder });
  assert.deepEqual(topologyFromJson(JSON.parse(stdout)), topology);
});

test('dracpu topology --problems lists what no reading needs', () => {
  const file = 'sys/devices/system/cpu/cpu12/topology/core_id';
  writeFileSync(join(folder, file), '7\n');
  const line = `/${file} is 7; other CPUs of the group say 0`;
  assert.ok(!run(['--sysfs', folder]).stdout.includes(line));
  assert.ok(run(['--sysfs', folder, '--problems']).stdout.includes(line));
  const { problems } = JSON.parse(run(['--sysfs', folder, '--problems', '-o', 'json']).stdout);
  assert.deepEqual(problems[0], { path: `/${file}`, message: 'is 7; other CPUs of the group say 0' });
});

test('dracpu topology shows machines by name or description, and lists the names', () => {
  assert.match(run(['--machine', 'epyc-9654']).stdout, /^384 CPUs, 192 cores, 2 sockets/);
  assert.match(run(['--machine', 'core:3']).stdout, /^3 CPUs, 3 cores/);
  assert.match(run(['--list-machines']).stdout, /^NAME +MACHINE +SOURCE\nepyc-7763 +2 x AMD EPYC 7763/);
});

for (const [name, args, status, message] of [
  [
    'a folder without sys/',
    ['--sysfs', '/nonexistent'],
    1,
    'Cannot read the CPU topology under "/nonexistent": no CPU',
  ],
  ['a machine that it does not know', ['--machine', 'epyc-9655'], 1, 'did you mean "epyc-9654"?'],
  ['a form that it does not know', ['-o', 'xml'], 2, 'Allowed choices are table, json, yaml, svg'],
  ['two machines', ['--machine', 'core:1', '--sysfs', '/'], 2, "cannot be used with option '--sysfs"],
] as const) {
  test(`dracpu topology refuses ${name} on stderr alone, with exit code ${status}`, () => {
    const result = run(args);
    assert.deepEqual([result.status, result.stdout], [status, '']);
    assert.ok(result.stderr.includes(message), result.stderr);
  });
}

test('docs/concepts/topology.md shows what dracpu topology prints', () => {
  const docs = new URL('../docs/', import.meta.url);
  const page = readFileSync(new URL('concepts/topology.md', docs), 'utf8');
  assert.ok(page.includes(run(['--machine', 'xeon-8490h-snc4']).stdout));
  const picture = readFileSync(new URL('images/topology-i9-13900k.svg', docs), 'utf8');
  assert.equal(picture, run(['--machine', 'i9-13900k', '-o', 'svg']).stdout);
});
