import assert from 'node:assert/strict';
import { test } from 'node:test';
import { smtMachine } from '../claims/testing/fixtures.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { parseSynthetic } from '../topology/synthetic.ts';
import { type DeviceMode, type DeviceTable, enumerateDevices } from './device.ts';
import { describeNaming, keepNames, listNames, restoreNames } from './device-names.ts';

test('keepNames gives CPUs that had no name one that none has', () => {
  const topology = smtMachine({ cores: 2 });
  const table = enumerateDevices(topology, { kind: 'individual' }, CpuSet.empty);
  const named = keepNames(
    table,
    new Map([
      [3, 'cpudev000'],
      [2, 'cpudev001'],
    ]),
  );
  const names = named.devices.map(({ name, cpus }) => `${name} is ${cpus}`);
  assert.deepEqual(names, ['cpudev002 is 0', 'cpudev001 is 2', 'cpudev003 is 1', 'cpudev000 is 3']);
  assert.deepEqual([...named.byName.keys()].sort(), ['cpudev000', 'cpudev001', 'cpudev002', 'cpudev003']);
});

/** What a driver knows of four cores of two threads that starts while only these CPUs are online. */
function tableOf(list: string, mode: DeviceMode = { kind: 'individual' }): DeviceTable {
  const all = parseCpuList(list);
  const topology = mode.kind === 'individual' ? smtMachine({ cores: 4 }) : parseSynthetic('pack:1 l3:4 core:2 pu:1');
  const cut = (group: { cpus: CpuSet }) => ({ cpus: group.cpus.intersection(all) });
  const isThere = ({ cpus }: { cpus: CpuSet }) => !cpus.isEmpty;
  return enumerateDevices(
    {
      ...topology,
      cpus: topology.cpus.filter(({ cpu }) => all.has(cpu)),
      cores: topology.cores.map((core) => ({ ...core, ...cut(core) })).filter(isThere),
      l3Caches: topology.l3Caches
        .map((l3) => ({ ...l3, ...cut(l3) }))
        .filter(isThere)
        .map((l3, l3Cache) => ({ ...l3, l3Cache })),
      online: all,
      offline: topology.online.difference(all),
    },
    mode,
    CpuSet.empty,
  );
}
const say = ({ devices }: DeviceTable) => devices.map(({ name, cpus }) => `${name}=${cpus}`).join(' ');
const NONE = { noted: new Map<number, string>(), held: [] };
const ALL = 'cpudev000=0 cpudev001=4 cpudev002=1 cpudev003=5 cpudev004=2 cpudev005=6 cpudev006=3 cpudev007=7';
const L3: DeviceMode = { kind: 'grouped', groupBy: 'l3cache' };

test('restoreNames: with all CPUs online, or nothing known of before, names are as they are enumerated', () => {
  const noted = new Map([[0, 'cpudev005']]);
  assert.equal(say(restoreNames(tableOf('0-7'), { noted, held: [] }, { isWhole: true }).devices), ALL);
  const first = restoreNames(tableOf('1-3,5-7'), NONE, { isWhole: false });
  assert.equal(say(first.devices), 'cpudev000=1 cpudev001=5 cpudev002=2 cpudev003=6 cpudev004=3 cpudev005=7');
});

test('restoreNames: single CPUs keep their names when the driver starts while others are offline, which keep theirs too', () => {
  const noted = listNames(tableOf('0-7'));
  const { devices, names } = restoreNames(tableOf('1-3,5,7'), { noted, held: [] }, { isWhole: false });
  assert.equal(say(devices), 'cpudev002=1 cpudev003=5 cpudev004=2 cpudev006=3 cpudev007=7');
  assert.equal(say(keepNames(tableOf('0-7'), names)), ALL);
});

test('restoreNames: L3 caches keep their names when the driver starts while one of them, or a part of one, is offline', () => {
  const all = tableOf('0-7', L3);
  assert.equal(say(all), 'cpudevl3cache000=0-1 cpudevl3cache001=2-3 cpudevl3cache002=4-5 cpudevl3cache003=6-7');
  const { devices, names } = restoreNames(
    tableOf('2,4-7', L3),
    { noted: listNames(all), held: [] },
    { isWhole: false },
  );
  assert.equal(say(devices), 'cpudevl3cache001=2 cpudevl3cache002=4-5 cpudevl3cache003=6-7');
  assert.equal(say(keepNames(all, names)), say(all));
});

test('restoreNames: a claim keeps the name of its CPUs where the notes are lost', () => {
  const held = [
    { device: 'cpudev004', cpus: CpuSet.of(2) },
    { device: 'cpudevnuma000', cpus: CpuSet.of(3) },
  ];
  const { devices } = restoreNames(tableOf('1-3,5-7'), { ...NONE, held }, { isWhole: false });
  assert.equal(devices.byName.get('cpudev004')?.cpus.toString(), '2');
  assert.equal(new Set(devices.devices.map(({ name }) => name)).size, 6);
});

test('restoreNames: claims of when CPUs were offline keep their names with all online, and others do not change', () => {
  const noted = listNames(restoreNames(tableOf('1-3,5-7'), NONE, { isWhole: false }).devices);
  const held = [{ device: 'cpudev002', cpus: CpuSet.of(2) }];
  const { devices } = restoreNames(tableOf('0-7'), { noted, held }, { isWhole: true });
  assert.equal(
    say(devices),
    'cpudev006=0 cpudev007=4 cpudev000=1 cpudev001=5 cpudev002=2 cpudev003=6 cpudev004=3 cpudev005=7',
  );
  const agreeing = [{ device: 'cpudev004', cpus: CpuSet.of(2) }];
  assert.equal(say(restoreNames(tableOf('0-7'), { noted, held: agreeing }, { isWhole: true }).devices), ALL);
});

test('restoreNames leaves devices alone that have the kernel’s numbers', () => {
  const numa: DeviceMode = { kind: 'grouped', groupBy: 'numanode' };
  const table = tableOf('0-7', numa);
  const noted = new Map([[0, 'cpudevnuma007']]);
  assert.equal(restoreNames(table, { noted, held: [] }, { isWhole: false }).devices, table);
});

test('describeNaming differs by all that names depend on', () => {
  const texts = [
    describeNaming({ kind: 'individual' }, CpuSet.empty, {}),
    describeNaming(L3, CpuSet.empty, {}),
    describeNaming({ kind: 'individual' }, CpuSet.of(1), {}),
    describeNaming({ kind: 'individual' }, CpuSet.empty, { sharedPoolMinCpus: 1 }),
    describeNaming({ kind: 'individual' }, CpuSet.empty, { fullPhysicalCores: true }),
  ];
  assert.equal(new Set(texts).size, texts.length);
});
