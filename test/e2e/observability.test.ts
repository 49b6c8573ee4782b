import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { V1Pod } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { Cluster } from './support/cluster.ts';
import { Driver } from './support/driver.ts';
import { poll } from './support/poll.ts';
import { skipSuite } from './support/settings.ts';
import { Story } from './support/story.ts';

describe('the driver shows', { skip: skipSuite }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.connect();
  });

  /** A metric without labels, as published now. */
  async function readMetric(driver: Driver, pod: V1Pod, name: string): Promise<number> {
    const metrics = await cluster.httpGet(pod, driver.port, 'metrics');
    const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1];
    assert.ok(value, `no metric ${name}`);
    return Number(value);
  }

  it('claims and CPUs in its metrics', async (t) => {
    const [driver, story] = [await Driver.find(t, cluster), await Story.begin(t, cluster)];
    if (!driver) return;
    const pod = await driver.waitReady();
    const read = async () => ({
      allocated: await readMetric(driver, pod, 'dra_cpu_allocated_cpus'),
      available: await readMetric(driver, pod, 'dra_cpu_available_cpus'),
      claims: await readMetric(driver, pod, 'dra_cpu_resource_claims_active'),
    });
    assert.equal(await readMetric(driver, pod, 'dra_cpu_reserved_cpus'), cluster.settings.reservedCpus.size);
    const idle = await read();
    assert.equal(idle.available + idle.allocated, story.publishedCount);
    await story.runPodWithCpus('db', 1);
    assert.deepEqual(await read(), {
      allocated: idle.allocated + 1,
      available: idle.available - 1,
      claims: idle.claims + 1,
    });
    await story.deletePod('db');
    await poll('the metrics as before', async () => (await read()).claims === idle.claims);
    assert.deepEqual(await read(), idle);
  });

  it('that it is ready, and why', async (t) => {
    const driver = await Driver.find(t, cluster);
    if (!driver) return;
    const pod = await driver.waitReady();
    assert.equal(await cluster.httpGet(pod, driver.port, 'healthz'), 'ok');
    assert.match(await cluster.httpGet(pod, driver.port, 'readyz'), /^ready$/m);
  });

  it('its node to dracpu-gatherinfo', async (t) => {
    const driver = await Driver.find(t, cluster);
    if (!driver) return;
    const pod = await driver.waitReady();
    const container = pod.spec?.containers[0]?.name ?? '';
    const { stdout, stderr, succeeded } = await cluster.exec(pod, container, ['/dracpu-gatherinfo', '--stdout']);
    assert.ok(succeeded, stderr);
    const report = parse(stdout) as { layoutVersion?: unknown; cpuDetails?: { cpus?: unknown[] } };
    assert.ok(report.layoutVersion, 'no layoutVersion');
    const node = await cluster.core.readNode({ name: cluster.nodeName });
    assert.equal(Object.keys(report.cpuDetails?.cpus ?? {}).length, Number(node.status?.capacity?.cpu));
  });

  it('the CPUs of a claim in its status', async (t) => {
    const story = await Story.begin(t, cluster);
    const pod = await story.runPodWithCpus('db', 1);
    const cpus = await story.cpusOf(pod);
    const status = await poll('a device status', async () => {
      const devices = (await story.claim('db')).status?.devices ?? [];
      return devices.find(({ driver }) => driver === 'dra.cpu');
    });
    assert.ok(JSON.stringify(status.data).includes(`"${cpus}"`), `${JSON.stringify(status)} lacks "${cpus}"`);
  });

  it('why a claim was not prepared, in the pod’s events', async (t) => {
    const story = await Story.begin(t, cluster);
    if (story.mode === 'individual') return t.skip('in mode individual the devices are the CPUs');
    const { devices } = story.claimSpec(1);
    // 65000 is no CPU of any machine.
    const parameters = { apiVersion: 'v1alpha1', cpuConfig: { cpuset: '65000' } };
    const config = [{ requests: ['cpu'], opaque: { driver: 'dra.cpu', parameters } }];
    await story.createClaim('wrong', { devices: { requests: devices?.requests, config } });
    await story.createPod({ name: 'wrong', claims: { cpu: { claim: 'wrong' } } });
    await story.waitEvent('wrong', /65000/);
  });
});
