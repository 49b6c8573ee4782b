import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ledger } from '../claims/ledger.ts';
import type { Config } from '../config/config.ts';
import { parse } from '../config/testing/parse.ts';
import { preparedClaim } from '../containers/testing/fixtures.ts';
import { silentLog } from '../lib/log.ts';
import { readTopologyFrom } from '../sysfs/read-topology.ts';
import { openMemorySysfs } from '../sysfs/testing/memory-sysfs.ts';
import { describeMachine } from '../../embedded/machine/describe-machine.ts';
import { smtMachine } from '../claims/testing/fixtures.ts';
import { DeviceNames } from './device-names-file.ts';
import { followMachine } from './follow-machine.ts';
import { toMachine } from './read-machine.ts';

/** Four cores of two threads that are followed, and what sets their online CPUs. */
async function follow(config: Config) {
  const described = describeMachine(smtMachine({ cores: 4 }));
  const files = new Map(described.files);
  const sysfs = openMemorySysfs({ files, links: described.links });
  const names = await DeviceNames.open('/dev/null/device-names.json', config, silentLog);
  const machine = names.restore(toMachine(config, readTopologyFrom(sysfs, { hostRoot: '/', pcieRoots: true })), []);
  const ledger = new Ledger(machine.devices);
  const foundation = { machine, overlay: undefined, ledger, names };
  const polls = new Set<() => void>();
  const poll = () => {
    for (const round of polls) round();
  };
  const seen = { changes: 0 };
  const end = followMachine({
    config,
    foundation,
    onChange: () => (seen.changes += 1),
    log: silentLog,
    watch: {
      sysfs,
      schedule: (round) => {
        polls.add(round);
        return () => void polls.delete(round);
      },
    },
  });
  const setOnline = (list: string) => {
    files.set('sys/devices/system/cpu/online', `${list}\n`);
    poll();
  };
  return { foundation, ledger, seen, setOnline, poll, end };
}

test('followMachine keeps CPUs that go offline from new claims, and gives them again when they are back', async () => {
  const { foundation, ledger, seen, setOnline, poll, end } = await follow((await parse({})).config);
  ledger.reserve(preparedClaim('u1', '2-3'));
  poll();
  assert.equal(seen.changes, 0);
  setOnline('0-2,4-6');
  assert.deepEqual([seen.changes, foundation.machine.topology.online.toString()], [1, '0-2,4-6']);
  assert.deepEqual([ledger.free.toString(), ledger.taken.toString()], ['0-1,4-6', '2-3']);
  setOnline('0-7');
  assert.deepEqual([seen.changes, ledger.free.toString()], [2, '0-1,4-7']);
  end();
  setOnline('0-3');
  assert.equal(seen.changes, 2);
});

test('followMachine gives claims no CPU while too few are online for sharedPoolMinCPUs, least of all offline ones', async () => {
  const { config } = await parse({});
  const { foundation, ledger, seen, setOnline } = await follow({ ...config, sharedPoolMinCpus: 4 });
  ledger.reserve(preparedClaim('u1', '2,6'));
  setOnline('0,2,4,6');
  assert.deepEqual([seen.changes, foundation.machine.topology.online.toString()], [1, '0,2,4,6']);
  assert.deepEqual([ledger.free.toString(), ledger.sharedPool.toString()], ['', '0,4']);
  assert.deepEqual(foundation.machine.devices.devices, []);
  assert.equal(ledger.find('u1')?.cpus.toString(), '2,6');
  setOnline('0-7');
  assert.deepEqual([seen.changes, ledger.free.toString()], [2, '3,7']);
});

test('followMachine keeps the names of single CPUs while others are offline', async () => {
  const { config } = await parse({});
  const { foundation, setOnline } = await follow({ ...config, deviceMode: { kind: 'individual' } });
  const namesOf = () => foundation.machine.devices.devices.map(({ name, cpus }) => `${name} is ${cpus}`).join(', ');
  const all = namesOf();
  assert.equal(
    all,
    'cpudev000 is 0, cpudev001 is 4, cpudev002 is 1, cpudev003 is 5, cpudev004 is 2, cpudev005 is 6, cpudev006 is 3, cpudev007 is 7',
  );
  setOnline('2-3,6-7');
  assert.equal(namesOf(), 'cpudev004 is 2, cpudev005 is 6, cpudev006 is 3, cpudev007 is 7');
  assert.equal(foundation.machine.devices.byName.get('cpudev005')?.cpus.toString(), '6');
  assert.equal(foundation.machine.devices.byName.get('cpudev000'), undefined);
  setOnline('1-3,5-7');
  setOnline('0-7');
  assert.equal(namesOf(), all);
});

test('followMachine follows the CPUs that containers of pods can have (issue 13, line 11)', async (t) => {
  const hostRoot = mkdtempSync(join(tmpdir(), 'dracpu-host-'));
  t.after(() => rmSync(hostRoot, { recursive: true }));
  const directory = join(hostRoot, 'sys/fs/cgroup/kubepods.slice');
  mkdirSync(directory, { recursive: true });
  const limit = (list: string) => writeFileSync(join(directory, 'cpuset.cpus.effective'), `${list}\n`);
  limit('0-2,4-6');
  const { config } = await parse({});
  // The machine was read without the limit, which came right after.
  const { foundation, ledger, seen, setOnline, poll } = await follow({ ...config, hostRoot });
  assert.deepEqual([seen.changes, ledger.free.toString(), ledger.sharedPool.toString()], [1, '0-2,4-6', '0-2,4-6']);
  ledger.reserve(preparedClaim('u1', '2,6'));
  limit('0-1,4-5');
  poll();
  assert.deepEqual([seen.changes, ledger.free.toString(), ledger.sharedPool.toString()], [2, '0-1,4-5', '0-1,4-5']);
  assert.equal(ledger.find('u1')?.cpus.toString(), '2,6');
  setOnline('0-4');
  assert.deepEqual([seen.changes, ledger.free.toString()], [3, '0-1,4']);
  limit('0-7');
  setOnline('0-7');
  assert.equal(ledger.free.toString(), '0-1,3-5,7');
  limit('5');
  poll();
  assert.deepEqual([ledger.free.toString(), foundation.machine.devices.outside.toString()], ['5', '0-4,6-7']);
});
