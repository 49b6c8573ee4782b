import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import type { V1DaemonSet, V1Pod } from '@kubernetes/client-node';
import { type Cluster, isReady } from './cluster.ts';
import { poll } from './poll.ts';

/** A label that no node has: a DaemonSet that selects it has no pods. */
const NOWHERE = 'dra.cpu/e2e-nowhere';

/** The driver as it is deployed: its DaemonSet and its pod on the node under test. */
export class Driver {
  readonly #cluster: Cluster;
  readonly #set: V1DaemonSet;

  private constructor(cluster: Cluster, set: V1DaemonSet) {
    this.#cluster = cluster;
    this.#set = set;
  }

  /** The deployed driver; where there is no DaemonSet the test is skipped. */
  static async find(t: TestContext, cluster: Cluster): Promise<Driver | undefined> {
    const set = await cluster.daemonSet();
    if (!set) t.skip('the driver does not run as a DaemonSet here');
    return set && new Driver(cluster, set);
  }

  get namespace(): string {
    return this.#set.metadata?.namespace ?? '';
  }

  get serviceAccount(): string {
    return this.#set.spec?.template.spec?.serviceAccountName ?? 'default';
  }

  /** The port of the driver's HTTP server. */
  get port(): number {
    const [container] = this.#set.spec?.template.spec?.containers ?? [];
    return container?.ports?.find(({ name }) => name === 'healthz')?.containerPort ?? 8080;
  }

  /** Waits for the driver's only and ready pod on the node, other than the one of this UID. */
  async waitReady(exceptUid?: string): Promise<V1Pod> {
    return await poll('the driver’s pod ready', async () => {
      const [pod, ...others] = await this.#cluster.daemonPods(this.#set);
      return pod && others.length === 0 && pod.metadata?.uid !== exceptUid && isReady(pod) && pod;
    });
  }

  /** Whether the driver's container has been started on the node. */
  async isRunning(): Promise<boolean> {
    const [pod] = await this.#cluster.daemonPods(this.#set);
    return pod?.status?.containerStatuses?.[0]?.state?.running !== undefined;
  }

  /** Deletes the driver's pod, at once or with its grace period; the DaemonSet makes another. Gives the deleted one. */
  async killPod(gracePeriodSeconds?: number): Promise<V1Pod> {
    const pod = await this.waitReady();
    await this.#cluster.core.deleteNamespacedPod({
      namespace: this.namespace,
      name: pod.metadata?.name ?? '',
      gracePeriodSeconds,
    });
    return pod;
  }

  /** Changes the DaemonSet's pods as an upgrade does. */
  async rollOut(): Promise<void> {
    await this.#change((set) => {
      const template = set.spec?.template;
      assert.ok(template);
      template.metadata ??= {};
      template.metadata.annotations = {
        ...template.metadata.annotations,
        'dra.cpu/e2e-rollout': new Date().toISOString(),
      };
    });
  }

  /** Takes the driver off every node, and waits until its pod has gone; `reinstall` brings it back. */
  async uninstall(): Promise<void> {
    await this.#change((set) => {
      const spec = set.spec?.template.spec;
      assert.ok(spec);
      spec.nodeSelector = { ...spec.nodeSelector, [NOWHERE]: '' };
    });
    await poll('the end of the driver’s pod', async () => (await this.#cluster.daemonPods(this.#set)).length === 0);
  }

  async reinstall(): Promise<V1Pod> {
    await this.#change((set) => {
      const spec = set.spec?.template.spec;
      if (spec?.nodeSelector) delete spec.nodeSelector[NOWHERE];
    });
    return await this.waitReady();
  }

  async #change(edit: (set: V1DaemonSet) => void): Promise<void> {
    const { name = '', namespace = '' } = this.#set.metadata ?? {};
    await poll(`the change of DaemonSet ${name}`, async () => {
      const set = await this.#cluster.apps.readNamespacedDaemonSet({ name, namespace });
      edit(set);
      return Boolean(await this.#cluster.apps.replaceNamespacedDaemonSet({ name, namespace, body: set }));
    });
  }
}

/** Restarts a component of the node with the command of the settings; skips the test where there is none. */
export async function restartComponent(
  t: TestContext,
  cluster: Cluster,
  name: 'kubelet' | 'containerd',
): Promise<boolean> {
  const command = cluster.settings.restartCommand;
  if (command === undefined) {
    t.skip(`no way to restart the ${name}: DRACPU_E2E_RESTART_COMMAND is not set`);
    return false;
  }
  const child = execFile(command, [name], { timeout: 60_000 });
  const [status] = (await once(child, 'exit')) as [number | null];
  assert.equal(status, 0, `${command} ${name}`);
  return true;
}
