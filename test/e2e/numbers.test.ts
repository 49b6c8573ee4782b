import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Cluster } from './support/cluster.ts';
import { Driver } from './support/driver.ts';
import { poll } from './support/poll.ts';
import { skipSuite } from './support/settings.ts';
import { Story } from './support/story.ts';

const skipNumbers = process.env.DRACPU_E2E_NUMBERS
  ? skipSuite
  : 'measures only when asked to: DRACPU_E2E_NUMBERS is not set';

const SAMPLES = 10;
const PODS = 50;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Prints a number as a benchmark does. */
function tell(bench: string, value: number, unit: string): void {
  console.log(JSON.stringify({ bench, value: Math.round(value), unit }));
}

describe('numbers of a real cluster', { skip: skipNumbers }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.connect();
  });

  it('pod create to ready, with and without a claim', async (t) => {
    const story = await Story.begin(t, cluster);
    for (const hasClaim of [false, true]) {
      const took: number[] = [];
      for (let sample = 0; sample < SAMPLES; sample += 1) {
        const name = `${hasClaim ? 'claim' : 'plain'}-${sample}`;
        if (hasClaim) await story.createClaim(name, 1);
        const startedMs = performance.now();
        await story.runPod(hasClaim ? { name, claims: { cpu: { claim: name } } } : { name });
        took.push(performance.now() - startedMs);
        await story.deletePod(name);
      }
      tell(`pod_create_to_ready_${hasClaim ? 'with' : 'without'}_claim`, median(took), 'ms');
    }
  });

  it('memory of the driver, idle and after many pods', async (t) => {
    const [driver, story] = [await Driver.find(t, cluster), await Story.begin(t, cluster)];
    if (!driver) return;
    const pod = await driver.waitReady();
    const read = async () => await cluster.anonymousBytes(pod);
    tell('driver_anonymous_memory_idle', (await read()) / 1024, 'KiB');
    for (let number = 0; number < PODS; number += 1) {
      const name = `pod-${number}`;
      await story.runPodWithCpus(name, 1);
      await story.deletePod(name);
    }
    tell(`driver_anonymous_memory_after_${PODS}_pods`, (await read()) / 1024, 'KiB');
  });

  it('driver start to slices', async (t) => {
    const driver = await Driver.find(t, cluster);
    if (!driver) return;
    await driver.uninstall();
    for (const { metadata } of await cluster.slices()) {
      await cluster.resource.deleteResourceSlice({ name: metadata?.name ?? '' });
    }
    const ready = driver.reinstall();
    const startedMs = await poll('the driver’s container', async () => (await driver.isRunning()) && performance.now());
    const publishedMs = await poll('slices', async () => (await cluster.slices()).length > 0 && performance.now());
    assert.ok(await ready);
    tell('driver_start_to_slices', publishedMs - startedMs, 'ms');
  });
});
