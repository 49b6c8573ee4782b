import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from '../config/testing/parse.ts';
import type { Machine } from '../devices/machine.ts';
import { silentLog } from '../lib/log.ts';
import { describeMachine } from '../../embedded/machine/describe-machine.ts';
import { smtMachine } from '../claims/testing/fixtures.ts';
import { readTopologyFrom } from '../sysfs/read-topology.ts';
import { openMemorySysfs } from '../sysfs/testing/memory-sysfs.ts';
import { DeviceNames } from './device-names-file.ts';
import { toMachine } from './read-machine.ts';

const say = ({ devices }: Machine) => devices.devices.map(({ name, cpus }) => `${name}=${cpus}`).join(' ');

test('DeviceNames: names mean the same CPUs in the next driver, which starts while CPUs are offline', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'names-'));
  context.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'plugins/dra.cpu/device-names.json');
  const config = { ...(await parse({})).config, deviceMode: { kind: 'individual' } as const };
  const machineWith = (online: string) => {
    const described = describeMachine(smtMachine({ cores: 4 }));
    const files = new Map(described.files);
    files.set('sys/devices/system/cpu/online', online);
    return toMachine(
      config,
      readTopologyFrom(openMemorySysfs({ files, links: described.links }), { hostRoot: '/', pcieRoots: false }),
    );
  };
  const start = async (online: string) => {
    const names = await DeviceNames.open(path, config, silentLog);
    const machine = names.restore(machineWith(online), []);
    await names.idle();
    return { names, machine };
  };
  const first = await start('0-7');
  const second = await start('2-3,5,7');
  assert.equal(say(second.machine), 'cpudev004=2 cpudev006=3 cpudev007=7 cpudev003=5');
  assert.equal(say(second.names.keep(machineWith('0-7'))), say(first.machine));
  await second.names.idle();
  const text = await readFile(path, 'utf8');
  await start('2-3,5,7');
  assert.equal(await readFile(path, 'utf8'), text, 'offline CPUs are still noted');
  await writeFile(path, text.slice(0, 40));
  assert.equal(say((await start('2-3,5,7')).machine), 'cpudev000=2 cpudev001=3 cpudev002=7 cpudev003=5');
});
