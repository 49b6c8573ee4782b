import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { Cluster } from './support/cluster.ts';
import { poll } from './support/poll.ts';
import { skipSuite } from './support/settings.ts';
import { Story } from './support/story.ts';

describe('pods with a claim', { skip: skipSuite }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.connect();
  });

  it('run init containers and sidecars beside the claim’s CPUs', async (t) => {
    const story = await Story.begin(t, cluster);
    await story.createClaim('cpus', 1);
    const pod = await story.runPod({
      name: 'app',
      claims: { cpu: { claim: 'cpus' } },
      initContainers: [
        { name: 'setup', command: ['sh', '-c', 'grep Cpus_allowed_list /proc/self/status'] },
        { name: 'proxy', overrides: { restartPolicy: 'Always' } },
      ],
      containers: [{ name: 'main', claims: ['cpu'] }],
    });
    const cpus = await story.cpusOf(pod);
    assert.equal(cpus.size, 1);
    const sidecar = await story.cpusOf(pod, 'proxy');
    assert.ok(!sidecar.isEmpty && !sidecar.intersects(cpus), `sidecar on ${sidecar}, claim on ${cpus}`);
  });

  it('keep an ephemeral container off the claim’s CPUs', async (t) => {
    const story = await Story.begin(t, cluster);
    const pod = await story.runPodWithCpus('app', 1);
    const cpus = await story.cpusOf(pod);
    const debug = { name: 'debug', image: cluster.settings.testImage, command: ['sleep', '1000'] };
    await cluster.core.patchNamespacedPodEphemeralcontainers(
      { namespace: story.namespace, name: 'app', body: { spec: { ephemeralContainers: [debug] } } },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
    await poll('the ephemeral container running', async () =>
      Boolean((await story.pod('app')).status?.ephemeralContainerStatuses?.[0]?.state?.running),
    );
    const debugged = await story.cpusOf(pod, 'debug');
    assert.ok(!debugged.isEmpty && !debugged.intersects(cpus), `debugger on ${debugged}, claim on ${cpus}`);
  });

  it('keep their CPUs over a resize in place', async (t) => {
    const story = await Story.begin(t, cluster);
    await story.createClaim('cpus', 1);
    const resources = { claims: [{ name: 'cpu' }], requests: { cpu: '10m' }, limits: { cpu: '1' } };
    const pod = await story.runPod({
      name: 'app',
      claims: { cpu: { claim: 'cpus' } },
      containers: [{ name: 'main', overrides: { resources } }],
    });
    const cpus = await story.cpusOf(pod);
    const containers = [{ name: 'main', resources: { requests: { cpu: '20m' }, limits: { cpu: '900m' } } }];
    await cluster.core.patchNamespacedPodResize(
      { namespace: story.namespace, name: 'app', body: { spec: { containers } } },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
    await poll('the resize', async () => {
      const [status] = (await story.pod('app')).status?.containerStatuses ?? [];
      return status?.resources?.limits?.cpu === '900m';
    });
    assert.equal((await story.cpusOf(pod)).toString(), cpus.toString());
    assert.equal((await story.pod('app')).status?.containerStatuses?.[0]?.restartCount, 0);
  });

  it('give a restarted container the same CPUs', async (t) => {
    const story = await Story.begin(t, cluster);
    await story.createClaim('cpus', 1);
    const once = ['sh', '-c', 'until [ -e /tmp/end ]; do sleep 0.1; done'];
    const pod = await story.runPod({
      name: 'app',
      claims: { cpu: { claim: 'cpus' } },
      containers: [{ name: 'main', claims: ['cpu'], command: once }],
      restartPolicy: 'Always',
    });
    const cpus = await story.cpusOf(pod);
    await cluster.exec(pod, 'main', ['touch', '/tmp/end']);
    const restarted = await poll('the restarted container', async () => {
      const now = await story.pod('app');
      const [status] = now.status?.containerStatuses ?? [];
      return status?.restartCount === 1 && status.state?.running && now;
    });
    assert.equal((await story.cpusOf(restarted)).toString(), cpus.toString());
  });
});
