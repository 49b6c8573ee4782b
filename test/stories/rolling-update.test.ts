import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LocalCluster, waitFor } from '../../src/simulator/local-cluster.ts';
import { deviceClass } from '../../src/simulator/demo/demo-objects.ts';
import { areDisjoint, cpusOf, createClaimedPod, program, skipReason } from '../local-cluster.ts';

const MACHINE = 'pack:1 numa:1 core:32';
/** A pod of the driver's DaemonSet, as the chart tells it who it is. */
const podOfDriver = (uid: string) => ({
  env: { POD_UID: uid, POD_NAME: `dra-driver-cpu-${uid}`, POD_NAMESPACE: 'kube-system' },
});

describe('Driver and node as processes: rolling update', { skip: skipReason }, () => {
  it('R10: pods start all the while, none fails and none is moved', async (t) => {
    const cluster = await LocalCluster.start({ program, nodeArgs: ['--topology', MACHINE] });
    t.after(() => cluster.stop());
    await cluster.startDriver(podOfDriver('b9b9b'));
    await cluster.api.create('deviceclasses', deviceClass());
    const old = cluster.driver;
    assert.ok(old);
    t.after(() => old.stop());

    const started: Promise<unknown>[] = [];
    const names: string[] = [];
    const over = new AbortController();
    const startPods = async () => {
      for (let index = 0; !over.signal.aborted && index < 24; index += 1) {
        const name = `pod-${index}`;
        names.push(name);
        await createClaimedPod(cluster, name, 1);
        started.push(cpusOf(cluster, name));
        if (index % 4 === 0) await started.at(-1);
      }
    };
    const pods = startPods();
    await cluster.startDriver(podOfDriver('c9c9c'));
    assert.ok(old.isRunning, 'the old driver goes on until it is told to stop');
    // Kubernetes ends the old pod once the new one has been ready for a while; calls that were handed on have ended by then.
    await Promise.all(started);
    assert.equal(await old.stop(), 0);
    over.abort();
    await pods;
    // One more, with the new driver alone.
    await createClaimedPod(cluster, 'last', 1);
    await Promise.all([...started, cpusOf(cluster, 'last')]);
    // A container that was created between the two drivers is narrowed when the new one has met the runtime.
    await waitFor('every container to be on CPUs of its own', async () => {
      const containers = (await cluster.listContainers()).filter(({ state }) => state === 'running');
      const cpus = containers.map(({ actual = '' }) => actual);
      return containers.length === names.length + 1 && cpus.every((list) => /^\d+$/.test(list)) && areDisjoint(...cpus);
    });
    const warnings = (await cluster.api.list('events')).filter(({ type }) => type === 'Warning');
    assert.deepEqual(
      warnings.map(({ message }) => message),
      [],
    );
  });

  it('C12: a second installation is refused with the name of the first', async (t) => {
    const cluster = await LocalCluster.start({ program, nodeArgs: ['--topology', MACHINE] });
    t.after(() => cluster.stop());
    await cluster.startDriver(podOfDriver('b9b9b'));
    const first = cluster.driver;
    t.after(() => first?.stop());
    const second = { env: { POD_UID: 'x', POD_NAME: 'other-c9c9c', POD_NAMESPACE: 'cpu' } };
    await assert.rejects(
      cluster.startDriver(second),
      /pod kube-system\/dra-driver-cpu-b9b9b \(dracpu [^)]+\) manages the CPUs/,
    );
    assert.ok(first?.isRunning);
  });
});
