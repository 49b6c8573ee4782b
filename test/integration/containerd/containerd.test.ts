/** The driver on a real containerd, with real containers: what the kernel says is what counts. */
import assert from 'node:assert/strict';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { claimSpecFileName, parseClaimSpec } from '../../../src/records/cdi-spec.ts';
import { parseProcCgroup } from '../../../src/cgroup/container-cpuset.ts';
import type { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../../src/cpuset/parse.ts';
import { eventually } from '../../../src/lib/testing/eventually.ts';
import { UnavailableError } from '../unavailable-error.ts';
import { type ClaimedPod, TestNode } from './node.ts';

/** A container each costs a quarter of a second here; DRACPU_LONG_TESTS makes it the 200 of a full node. */
const SHARED_CONTAINERS = process.env.DRACPU_LONG_TESTS ? 200 : 40;
/** Between two looks of the drift watch, twice, and what the runtime takes. */
const REPAIR_MS = 30_000;

const online = parseCpuList((await readFile('/sys/devices/system/cpu/online', 'utf8')).trim());

async function startNode(): Promise<TestNode | string> {
  if (online.size < 2) return 'this machine has one CPU, and claims never take the last one';
  try {
    return await TestNode.start();
  } catch (error) {
    if (error instanceof UnavailableError) return error.message;
    throw error;
  }
}

const started = await startNode();
const skip = typeof started === 'string' ? started : false;

describe('the driver on a real containerd', { skip, timeout: 280_000 }, () => {
  const node = started as TestNode;
  const all = online.toString();

  after(() => node.stop());

  /** The CPUs that a claim gives its container, as its file says. */
  async function ownCpusOf({ claim }: ClaimedPod): Promise<CpuSet> {
    const path = join(node.containerd.cdiDirectory, claimSpecFileName(claim.uid));
    return parseCpuList(parseClaimSpec(await readFile(path, 'utf8'), claim.uid).cpus);
  }

  /** Runs a test with one claimed pod that is gone afterwards. */
  async function withClaimedPod(
    name: string,
    story: (claimed: ClaimedPod, rest: string) => Promise<void>,
    cpuConfig: object = {},
  ) {
    const claimed = await node.runClaimed(name, 1, { cpuConfig });
    try {
      const own = await ownCpusOf(claimed);
      assert.equal(own.size, 1);
      await story(claimed, online.difference(own).toString());
    } finally {
      await node.removeClaimed(claimed);
    }
  }

  /** Waits until a container has these CPUs; the failure says which it has. */
  async function eventuallyOn(containerId: string, cpus: string, deadlineMs = REPAIR_MS): Promise<void> {
    let seen = '';
    await eventually(
      `${containerId.slice(0, 12)} on CPUs ${cpus}`,
      async () => (seen = await node.cpusOf(containerId)) === cpus,
      deadlineMs,
    ).catch((error: Error) => assert.equal(seen, cpus, error.message));
  }

  it('CDI carries the claim to the process; exclusive and shared cpusets, live shrink and growth (N2)', async () => {
    const web = await node.cri.runPod('web');
    const shared = await node.cri.run(web);
    assert.equal(await node.cpusOf(shared), all);
    await withClaimedPod('db', async ({ containerId, claim }, rest) => {
      const own = await node.cpusOf(containerId);
      const env = await node.envOf(containerId);
      assert.ok(env.includes(`DRA_CPUSET_${claim.uid}=${own}`));
      assert.deepEqual(
        env.filter((entry) => entry.startsWith('DRA_CPUSET=')),
        [`DRA_CPUSET=${own}`],
      );
      assert.equal(await node.cpusOf(shared), rest);
      assert.equal(await node.cpusOf(await node.cri.run(web, { name: 'late' })), rest);
    });
    await eventuallyOn(shared, all);
    await node.cri.removePod(web);
  });

  it('sharedCPUs: a process has its own CPUs and the shared ones, and nobody else has its own', async () => {
    const web = await node.cri.runPod('web');
    const shared = await node.cri.run(web);
    const story = async ({ containerId, pod, claim }: ClaimedPod, rest: string) => {
      assert.deepEqual([await node.cpusOf(containerId), await node.cpusOf(shared)], [all, rest]);
      const variable = `DRA_CPUSET_${claim.uid}=${online.difference(parseCpuList(rest))}`;
      await eventually('its own CPUs told', async () => (await node.envOf(containerId)).includes(variable));
      await node.cri.setCpuset(containerId, rest);
      assert.equal(await node.cpusOf(containerId), all);
      await node.driver.end('SIGKILL');
      await node.driver.start();
      await eventuallyOn(shared, rest);
      await node.cri.remove(containerId);
      assert.equal(await node.cpusOf(await node.runIn(pod, claim)), all);
    };
    await withClaimedPod('poller', story, { sharedCPUs: true });
    await eventuallyOn(shared, all);
    await node.cri.removePod(web);
  });

  it('N4: a container that is restarted keeps its CPUs while another claim asks for some', async () => {
    await withClaimedPod('db', async ({ pod, containerId, claim }) => {
      const own = await node.cpusOf(containerId);
      let last = containerId;
      for (let restart = 0; restart < 3; restart += 1) {
        await node.cri.remove(last);
        last = await node.runIn(pod, claim);
        assert.equal(await node.cpusOf(last), own);
      }
    });
  });

  it('N1: the claim that would take the last shared CPU is refused at Prepare, naming the holder', async () => {
    await withClaimedPod('db', async () => {
      const [device] = node.cluster.devices;
      const podUid = 'uid-greedy';
      const greedy = node.cluster.allocate('greedy', { cpus: online.size - 1, podUid, device: device?.name ?? '' });
      const { error } = await node.driver.prepare(greedy);
      assert.match(error, /shop\/greedy.*shop\/db/s);
      node.cluster.remove(greedy);
    });
  });

  it('N3: claims come and go while containers do; a runtime whose NRI may deadlock goes on', async () => {
    const web = await node.cri.runPod('web');
    const shared = await node.cri.run(web);
    const churn = (async () => {
      for (let round = 0; round < 8; round += 1) {
        await node.cri.remove(await node.cri.run(web, { name: `c${round}` }));
      }
    })();
    for (let round = 0; round < 5; round += 1) await withClaimedPod('db', async () => {});
    await churn;
    await eventuallyOn(shared, all);
    await node.cri.removePod(web);
  });

  it('N6: forged and malformed environments are refused, naming the claim', async () => {
    await withClaimedPod('db', async ({ claim, containerId }, rest) => {
      const own = await node.cpusOf(containerId);
      const pod = await node.cri.runPod('forger');
      const forged: [env: Record<string, string>, why: RegExp][] = [
        [{ DRA_CPUSET_x: all }, /claim UID x, which is not prepared/],
        [{ DRA_CPUSET_x: '0-' }, /malformed|not a CPU list/],
        [{ [`DRA_CPUSET_${claim.uid}`]: own }, /claim shop\/db, which is reserved for pod/],
        [{ [`DRA_CPUSET_${claim.uid}`]: all }, /claim shop\/db, which is reserved for pod/],
      ];
      for (const [env, why] of forged) await assert.rejects(node.cri.create(pod, { env }), why);
      assert.equal(await node.cpusOf(await node.cri.run(pod)), rest);
      const bare = await node.cri.run(pod, { name: 'bare', env: { DRA_CPUSET: all } });
      assert.deepEqual(
        (await node.envOf(bare)).filter((entry) => entry.startsWith('DRA_CPUSET')),
        ['DRA_CPUSET='],
      );
      await node.cri.removePod(pod);
    });
  });

  it('N16: a change of resources does not take the CPUs away', async () => {
    await withClaimedPod('db', async ({ containerId }, rest) => {
      const own = await node.cpusOf(containerId);
      const pod = await node.cri.runPod('web');
      const shared = await node.cri.run(pod);
      for (const id of [containerId, shared]) await node.cri.setCpuset(id, all);
      assert.deepEqual([await node.cpusOf(containerId), await node.cpusOf(shared)], [own, rest]);
      await node.cri.removePod(pod);
    });
  });

  it('N13: a cgroup that somebody else has written is found and mended, and counted', async () => {
    await withClaimedPod('db', async ({ containerId }) => {
      const own = await node.cpusOf(containerId);
      const place = parseProcCgroup(await readFile(`/proc/${await node.cri.pidOf(containerId)}/cgroup`, 'utf8'));
      const mount = place?.version === 1 ? '/sys/fs/cgroup/cpuset' : '/sys/fs/cgroup';
      const before = await node.driver.readMetric('dra_cpu_drift_total', 'outcome=repaired');
      await writeFile(join(mount, place?.path ?? '', 'cpuset.cpus'), all);
      assert.equal(await node.cpusOf(containerId), all);
      await eventuallyOn(containerId, own);
      await eventually(
        'the repair counted',
        async () => (await node.driver.readMetric('dra_cpu_drift_total', 'outcome=repaired')) > before,
        REPAIR_MS,
      );
    });
  });

  it('N7, N8: the driver is killed and comes back; containers created meanwhile are confined and counted', async () => {
    await withClaimedPod('db', async ({ pod, claim, containerId }, rest) => {
      const own = await node.cpusOf(containerId);
      await node.driver.end('SIGKILL');
      const web = await node.cri.runPod('web');
      const missed = await node.cri.run(web, { env: { DRA_CPUSET_x: all } });
      await node.cri.remove(containerId);
      const again = await node.runIn(pod, claim);
      assert.deepEqual([await node.cpusOf(missed), await node.cpusOf(again)], [all, all], 'the runtime does not wait');
      await node.driver.start();
      await eventuallyOn(again, own);
      await eventuallyOn(missed, rest);
      assert.ok((await node.driver.readMetric('dra_cpu_drift_total', 'outcome=missed')) >= 2);
      assert.ok((await node.driver.readMetric('dra_cpu_drift_total', 'outcome=confined')) >= 1);
      assert.equal((await node.driver.prepare(claim)).error, '');
      await node.cri.removePod(web);
    });
  });

  it('a claim whose file was lost is adopted from its running container, checked with the API server', async () => {
    await withClaimedPod('db', async ({ claim, containerId }, rest) => {
      const own = await node.cpusOf(containerId);
      await node.driver.end();
      const { cdiDirectory } = node.containerd;
      for (const file of await readdir(cdiDirectory)) await rm(join(cdiDirectory, file), { recursive: true });
      await node.driver.start();
      await eventually(
        'the file written',
        async () => (await readdir(cdiDirectory)).some((name) => name.includes(claim.uid)),
        REPAIR_MS,
      );
      const web = await node.cri.runPod('web');
      assert.deepEqual([await node.cpusOf(containerId), await node.cpusOf(await node.cri.run(web))], [own, rest]);
      assert.equal((await node.driver.prepare(claim)).error, '');
      await node.cri.removePod(web);
    });
  });

  it('N9: a driver that does not answer is left out after 2 s, comes back and mends what was missed', async () => {
    await withClaimedPod('db', async (_claimed, rest) => {
      const web = await node.cri.runPod('web');
      node.driver.freeze(true);
      const missed = await node.cri.run(web);
      node.driver.freeze(false);
      await eventuallyOn(missed, rest);
      assert.equal(await node.cpusOf(await node.cri.run(web, { name: 'late' })), rest);
      await node.cri.removePod(web);
    });
  });

  it('a rolling update: no container is refused because of two drivers, and none is left unpinned', async () => {
    await withClaimedPod('db', async ({ pod, claim, containerId }, rest) => {
      const own = await node.cpusOf(containerId);
      await node.driver.end();
      const [first, second] = [node.newDriver('dra-driver-cpu-2b2b2'), node.newDriver('dra-driver-cpu-7c7c7')];
      await first.start();
      const web = await node.cri.runPod('web');
      const ids: string[] = [];
      const taking = second.start().then(() => true);
      for (let index = 0; index < 100; index += 1) {
        ids.push(await node.cri.run(web, { name: `c${index}` }));
        if (await Promise.race([taking, delay(0, false)])) break;
      }
      await first.end();
      await node.cri.remove(containerId);
      const again = await node.runIn(pod, claim);
      assert.equal(await node.cpusOf(again), own);
      for (const id of ids) await eventuallyOn(id, rest);
      assert.equal((await second.prepare(claim)).error, '');
      await second.end();
      await node.driver.start();
      await node.cri.removePod(web);
    });
  });

  it('N11: containerd is killed and restarted ten times; every container keeps its CPUs', async () => {
    await withClaimedPod('db', async ({ containerId }, rest) => {
      const own = await node.cpusOf(containerId);
      const web = await node.cri.runPod('web');
      const shared = await node.cri.run(web);
      for (let round = 0; round < 10; round += 1) {
        await node.containerd.end(round % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
        await node.containerd.start();
        assert.deepEqual([await node.cpusOf(containerId), await node.cpusOf(shared)], [own, rest]);
      }
      await eventually('the driver back', () => node.driver.isReady(), REPAIR_MS);
      const late = await node.cri.run(web, { name: 'late' });
      await eventuallyOn(late, rest);
      await node.cri.removePod(web);
    });
  });

  it(`N10: ${SHARED_CONTAINERS} shared containers shrink for one claim, and are synchronised`, async () => {
    const pods = await Promise.all(Array.from({ length: 4 }, (_, index) => node.cri.runPod(`many-${index}`)));
    const ids: string[] = [];
    for (let index = 0; index < SHARED_CONTAINERS; index += 1) {
      const pod = pods[index % pods.length];
      if (pod) ids.push(await node.cri.run(pod, { name: `c${index}` }));
    }
    await withClaimedPod('db', async (_claimed, rest) => {
      const places = await Promise.all(ids.map((id) => node.cpusOf(id)));
      assert.deepEqual(new Set(places), new Set([rest]));
      await node.driver.end('SIGKILL');
      await node.driver.start();
      assert.equal(await node.driver.readMetric('dra_cpu_drift_total', 'outcome=missed'), 0);
    });
    for (const id of ids.slice(0, 3)) await eventuallyOn(id, all);
    await Promise.all(pods.map((pod) => node.cri.removePod(pod)));
  });

  it('the metric of hooks says that each was answered well within its second', async () => {
    const pod = await node.cri.runPod('web');
    for (let index = 0; index < 3; index += 1) await node.cri.run(pod, { name: `c${index}` });
    const labels = ['hook=CreateContainer', 'outcome=answered'];
    const count = await node.driver.readMetric('dra_cpu_nri_hook_duration_seconds_count', ...labels);
    const withinHalf = await node.driver.readMetric('dra_cpu_nri_hook_duration_seconds_bucket', ...labels, 'le=0.5');
    assert.ok(count >= 3);
    assert.equal(withinHalf, count);
    await node.cri.removePod(pod);
  });
});
