/** `dracpu topology` and the watch for CPUs, live on a machine of two sockets and four NUMA nodes whose CPUs go off and on. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, suite, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../../src/cpuset/parse.ts';
import { topologyFromJson } from '../../../src/topology/topology-from-json.ts';
import type { CpuTopology } from '../../../src/topology/topology.ts';
import { EmulatedMachine, TWO_SOCKETS_FOUR_NODES } from './emulated-machine.ts';
import { UnavailableError } from '../unavailable-error.ts';

const checkout = fileURLToPath(new URL('../../../', import.meta.url));
const bundle = join(checkout, 'dist/dracpu.cjs');
/** The command as users run it, from the sources where it has not been built. */
const dracpu = existsSync(bundle) ? `node ${bundle}` : `node ${join(checkout, 'src/cli/main.ts')}`;
const WATCH_TIMEOUT_MS = 120_000;
const POLL_MS = 200;

/** CPUs of three nodes: a thread of a core, a whole node, another thread. */
const SWITCHED_OFF = '3,8-15,20';

let machine: EmulatedMachine | undefined;
let unavailable: string | undefined;

/** The machine, or undefined where there can be none and the test is skipped. */
function findMachine(t: TestContext): EmulatedMachine | undefined {
  if (!machine) t.skip(unavailable ?? 'no machine');
  return machine;
}

async function runIn(guest: EmulatedMachine, script: string): Promise<string> {
  const path = `PATH=${dirname(process.execPath)}:$PATH`;
  const { status, stdout, stderr } = await guest.run(`export ${path}\n${script}`);
  assert.equal(status, 0, stderr);
  return stdout;
}

async function readTopology(guest: EmulatedMachine): Promise<CpuTopology> {
  return topologyFromJson(JSON.parse(await runIn(guest, `${dracpu} topology --problems -o json`)));
}

function switchCpus(guest: EmulatedMachine, cpus: string, state: 0 | 1): Promise<string> {
  const lines = parseCpuList(cpus)
    .toArray()
    .map((cpu) => `echo ${state} > /sys/devices/system/cpu/cpu${cpu}/online`);
  return runIn(guest, lines.join(' && '));
}

const lists = (groups: readonly { readonly cpus: CpuSet }[]) => groups.map(({ cpus }) => cpus.toString());

function assertWhole({ online, sockets, numaNodes, l3Caches, cores, cpus, pcieRoots, problems }: CpuTopology): void {
  assert.equal(online.toString(), '0-31');
  assert.deepEqual(lists(sockets), ['0-15', '16-31']);
  assert.deepEqual(lists(numaNodes), ['0-7', '8-15', '16-23', '24-31']);
  assert.deepEqual(
    numaNodes.map(({ distances }) => distances?.join(' ')),
    ['10 12 32 32', '12 10 32 32', '32 32 10 12', '32 32 12 10'],
  );
  assert.deepEqual(lists(l3Caches), ['0-7', '8-15', '16-23', '24-31']);
  assert.deepEqual(
    lists(cores),
    Array.from({ length: 16 }, (_, core) => `${2 * core}-${2 * core + 1}`),
  );
  assert.deepEqual([...new Set(cpus.map(({ die }) => die))], [0, 1, 2, 3]);
  assert.deepEqual(
    pcieRoots.map((root) => `${root.pcieRoot} ${root.cpus} ${root.numaNode ?? 'none'}`),
    ['pci0000:00 0-31 none', 'pci0000:20 0-7 0', 'pci0000:40 8-15 1', 'pci0000:60 16-23 2', 'pci0000:80 24-31 3'],
  );
  assert.deepEqual(problems, []);
}

suite('dracpu topology in an emulated machine', () => {
  before(async () => {
    try {
      machine = await EmulatedMachine.boot(TWO_SOCKETS_FOUR_NODES);
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      unavailable = error.message;
    }
  });
  after(() => machine?.stop());

  test('dracpu topology reads the machine as it was built', async (t) => {
    const guest = findMachine(t);
    if (guest) assertWhole(await readTopology(guest));
  });

  test('dracpu topology follows CPUs that are switched off and on, and watchTopology tells of them', async (t) => {
    const guest = findMachine(t);
    if (!guest) return;
    const watching = runIn(
      guest,
      `exec node ${join(checkout, 'test/integration/machine/watch-in-guest.ts')} /run/share`,
    );
    const told = await followWatch(guest, 'watching');
    assert.equal(told, 'watching 0-31');

    await switchCpus(guest, SWITCHED_OFF, 0);
    assert.equal(await followWatch(guest, 'changed'), 'changed 0-2,4-7,16-19,21-31');
    const { online, offline, cores, numaNodes, l3Caches, pcieRoots, problems } = await readTopology(guest);
    assert.deepEqual([`${online}`, `${offline}`], ['0-2,4-7,16-19,21-31', SWITCHED_OFF]);
    assert.deepEqual(lists(numaNodes), ['0-2,4-7', '', '16-19,21-23', '24-31']);
    assert.deepEqual(lists(l3Caches), ['0-2,4-7', '16-19,21-23', '24-31']);
    assert.deepEqual(lists(cores).slice(0, 5), ['0-1', '2', '4-5', '6-7', '16-17']);
    assert.deepEqual(lists(pcieRoots), ['0-2,4-7,16-19,21-31', '0-2,4-7', '', '16-19,21-23', '24-31']);
    assert.deepEqual(problems, []);

    await switchCpus(guest, SWITCHED_OFF, 1);
    assert.equal(await followWatch(guest, 'whole'), 'whole 0-31');
    assertWhole(await readTopology(guest));
    await watching;
  });
});

/** Waits until the watch in the machine has written a file, and returns what it says. */
async function followWatch(guest: EmulatedMachine, name: string): Promise<string> {
  const deadline = performance.now() + WATCH_TIMEOUT_MS;
  for (;;) {
    const text = await readFile(join(guest.folder, name), 'utf8').catch(() => '');
    if (text.endsWith('\n')) return `${name} ${text.trim()}`;
    assert.ok(performance.now() < deadline, `the watch did not write ${name}`);
    await delay(POLL_MS);
  }
}
