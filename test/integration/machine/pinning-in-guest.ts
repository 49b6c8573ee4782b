/**
 * Runs inside an emulated machine of 2 sockets, 4 dies and NUMA nodes and 32 CPUs, with cgroup v2: the driver on a real
 * containerd. Claims land where they are asked for, memory with them, and CPUs that are switched off under them are noticed. Few
 * containers: each takes some 25 s here.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readContainerCpuset } from '../../../src/cgroup/container-cpuset.ts';
import type { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../../src/cpuset/parse.ts';
import { eventually } from '../../../src/lib/testing/eventually.ts';
import { TestNode } from '../containerd/node.ts';

const SYSTEM = '/sys/devices/system';
/** Two looks of the driver at CPUs and cgroups, and what runc takes here. In milliseconds. */
const NOTICE_MS = 120_000;

const readList = async (path: string) => parseCpuList((await readFile(join(SYSTEM, path), 'utf8')).trim());

async function switchCpus(cpus: CpuSet, isOn: boolean): Promise<void> {
  for (const cpu of cpus.toArray()) await writeFile(join(SYSTEM, `cpu/cpu${cpu}/online`), isOn ? '1' : '0');
}

test('claims land on the right node and L3, and CPUs that go offline under them are noticed', async (context) => {
  const node = await TestNode.start();
  context.after(() => node.stop());
  const say = (text: string) => context.diagnostic(`${Math.round(performance.now() / 1000)} s: ${text}`);
  const all = await readList('cpu/online');

  /** What the kernel makes of a container's cpuset: `cpuset.cpus.effective`. */
  const effectiveOf = async (containerId: string): Promise<CpuSet> => {
    const reading = await readContainerCpuset('/', {
      id: containerId,
      pid: await node.cri.pidOf(containerId),
      cgroupsPath: '',
    });
    assert.ok(reading);
    return reading.effective;
  };
  /** The NUMA nodes that a container's process may allocate from. */
  const memoryOf = async (containerId: string): Promise<string> => {
    const status = await readFile(`/proc/${await node.cri.pidOf(containerId)}/status`, 'utf8');
    return /^Mems_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '';
  };
  const eventuallyOn = (what: string, containerId: string, wanted: CpuSet) =>
    eventually(what, async () => (await effectiveOf(containerId)).equals(wanted), NOTICE_MS).catch(
      async (error: Error) =>
        assert.fail(
          `${error.message}: on ${await effectiveOf(containerId)}, want ${wanted}\n${await node.driver.readLog()}`,
        ),
    );

  const cache = await node.runClaimed('cache', 8, { deviceName: 'cpudevnuma000' });
  const db = await node.runClaimed('db', 4, {
    deviceName: 'cpudevnuma002',
    cpuConfig: { memoryNodes: 'local' },
  });
  say('two claims run');
  const [cacheCpus, dbCpus] = [await effectiveOf(cache.containerId), await effectiveOf(db.containerId)];
  assert.equal(String(cacheCpus), String(await readList('node/node0/cpulist')), 'a whole node');
  assert.ok(dbCpus.isSubsetOf(await readList('node/node2/cpulist')), `${dbCpus} on node 2`);
  const [first = 0] = dbCpus.toArray();
  const l3 = await readList(`cpu/cpu${first}/cache/index3/shared_cpu_list`);
  assert.ok(dbCpus.isSubsetOf(l3), `${dbCpus} under one L3, ${l3}`);
  for (const cpu of dbCpus.toArray()) {
    assert.ok((await readList(`cpu/cpu${cpu}/topology/thread_siblings_list`)).isSubsetOf(dbCpus), 'whole cores');
  }
  assert.deepEqual(
    [await memoryOf(cache.containerId), await memoryOf(db.containerId)],
    ['0-3', '2'],
    'memory bound to the node of the CPUs where the claim asks for it',
  );
  await node.cri.setCpuset(db.containerId, String(all), '0-1');
  assert.deepEqual([await memoryOf(db.containerId), String(await effectiveOf(db.containerId))], ['2', String(dbCpus)]);
  say('memory is bound, whatever the kubelet asks for');
  const web = await node.cri.runPod('web');
  const shared = await node.cri.run(web);
  const rest = all.difference(cacheCpus).difference(dbCpus);
  assert.equal(String(await effectiveOf(shared)), String(rest));
  say('a shared container has the rest');

  const one = parseCpuList(`${dbCpus.last}`);
  await switchCpus(one, false);
  await eventuallyOn('the claim on what is left', db.containerId, dbCpus.difference(one));
  const log = () => node.driver.readLog();
  await eventually('reported', async () => /CPUs of a claim are offline/.test(await log()), NOTICE_MS);
  say('one CPU off under a claim: reported');

  await switchCpus(dbCpus, false);
  // Until it is noticed the kernel lets the container run on all CPUs of its parent, over the other claim's too.
  await eventuallyOn('moved to the shared CPUs', db.containerId, rest);
  assert.equal(String(await effectiveOf(cache.containerId)), String(cacheCpus));
  await eventually('reported', async () => /isHomeless=true|"isHomeless":true/.test(await log()), NOTICE_MS);
  say('all CPUs off under a claim: noticed, and off the other claim');

  await switchCpus(dbCpus, true);
  await eventuallyOn('back on its own CPUs', db.containerId, dbCpus);
  assert.equal(String(await effectiveOf(shared)), String(rest));
  say('all CPUs back');
});
