import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type {
  CoreV1Event,
  V1Container,
  V1Device,
  V1Pod,
  ResourceV1ResourceClaim,
  V1ResourceClaimSpec,
} from '@kubernetes/client-node';
import { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../../src/cpuset/parse.ts';
import { errorText } from '../../../src/lib/log.ts';
import { type Cluster, isReady } from './cluster.ts';
import { countCpus, cpusOfDevices, type DeviceMode } from './device-mode.ts';
import { poll, STEP_MS } from './poll.ts';

/** Stops at once when asked to, unlike a plain sleep as first process. */
const WAIT_FOR_END = ['sh', '-c', 'trap exit TERM; while :; do sleep 1; done'];

/** A claim for a pod, by name or made from a template. */
export type ClaimSource = { readonly claim: string } | { readonly template: string };

/** A container of a pod and the pod's claims that it uses. */
export interface ContainerWish {
  readonly name: string;
  readonly claims?: readonly string[];
  readonly command?: readonly string[];
  readonly overrides?: Partial<V1Container>;
}

/** A pod wanted on the node under test. */
export interface PodWish {
  readonly name: string;
  /** Names within the pod and what they stand for. */
  readonly claims?: Readonly<Record<string, ClaimSource>>;
  /** One container "main" with all of the pod's claims, unless said otherwise. */
  readonly containers?: readonly ContainerWish[];
  readonly initContainers?: readonly ContainerWish[];
  readonly restartPolicy?: 'Always' | 'Never';
}

/** A namespace of one test with what is made in it; all of it is removed when the test ends. */
export class Story {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly mode: DeviceMode;
  readonly #devices: readonly V1Device[];
  /** In mode "machine" a claim states its CPUs: the first of these, which then go to the end. */
  #statable: readonly number[];

  private constructor(
    cluster: Cluster,
    namespace: string,
    node: { mode: DeviceMode; devices: V1Device[]; cpus: CpuSet },
  ) {
    this.cluster = cluster;
    this.namespace = namespace;
    this.mode = node.mode;
    this.#devices = node.devices;
    this.#statable = node.cpus.toArray();
  }

  /** Begins a test's story. */
  static async begin(t: TestContext, cluster: Cluster): Promise<Story> {
    const { metadata } = await cluster.core.createNamespace({ body: { metadata: { generateName: 'dracpu-e2e-' } } });
    const name = metadata?.name ?? '';
    // The next test needs the CPUs back, not the name: the namespace may take its time.
    t.after(async () => {
      const pods = async () => (await cluster.core.listNamespacedPod({ namespace: name })).items;
      await cluster.core.deleteCollectionNamespacedPod({ namespace: name });
      await poll(`the end of the pods of namespace ${name}`, async () => (await pods()).length === 0);
      await cluster.core.deleteNamespace({ name });
    });
    const [mode, devices] = [await cluster.deviceMode(), await cluster.devices()];
    await poll('the service account of a new namespace', async () =>
      Boolean(await cluster.core.readNamespacedServiceAccount({ namespace: name, name: 'default' })),
    );
    const node = await cluster.core.readNode({ name: cluster.nodeName });
    const online = CpuSet.range(0, Number(node.status?.capacity?.cpu) - 1);
    return new Story(cluster, name, { mode, devices, cpus: online.difference(cluster.settings.reservedCpus) });
  }

  /** How many CPUs of the node the driver has published. */
  get publishedCount(): number {
    return countCpus(this.mode, this.#devices);
  }

  /** How many CPUs claims can hold at one time: where none is reserved, one is left to containers without a claim. */
  get claimableCount(): number {
    return this.cluster.settings.reservedCpus.isEmpty ? this.publishedCount - 1 : this.publishedCount;
  }

  /** The most CPUs that one request can get: a group's, or all where each CPU is a device. */
  get largestRequest(): number {
    if (this.mode === 'individual') return this.claimableCount;
    return Math.min(this.claimableCount, Math.max(...cpusOfDevices(this.mode, this.#devices)));
  }

  /**
   * Lets claims hold so much of the node that no other one of `largestRequest` CPUs fits; gives the names of their pods. Skips
   * the test where the scheduler cannot be brought to it, and gives none.
   */
  async exhaust(t: TestContext): Promise<string[]> {
    const { mode, largestRequest: cpus } = this;
    if (mode === 'machine') t.skip('in mode machine the scheduler does not choose');
    else if (this.cluster.settings.reservedCpus.isEmpty) {
      t.skip('without reserved CPUs it is the driver that keeps the last one, not the scheduler');
    } else {
      const sizes = mode === 'individual' ? [cpus] : cpusOfDevices(mode, this.#devices);
      const names = sizes.filter((size) => size >= cpus).map((_, index) => `holder-${index}`);
      // A plain sleep as first process does not hear that it is asked to end, so that the pod is slow to go.
      const slow = { name: 'main', claims: ['cpu'], command: ['sleep', '1000'] };
      for (const name of names) {
        await this.createClaim(name, cpus);
        await this.runPod({ name, claims: { cpu: { claim: name } }, containers: [slow] });
      }
      return names;
    }
    return [];
  }

  /** Skips the test, with the reason, on a node where claims cannot hold so many CPUs at one time; true when skipped. */
  skipsBelow(t: TestContext, cpus: number): boolean {
    if (this.claimableCount >= cpus) return false;
    t.skip(`needs ${cpus} CPUs for claims; node ${this.cluster.nodeName} has ${this.claimableCount}`);
    return true;
  }

  /** The spec of a claim for some CPUs, in the form that the driver's mode asks for. */
  claimSpec(cpus: number): V1ResourceClaimSpec {
    const deviceClassName = 'dra.cpu';
    if (this.mode === 'individual') {
      return { devices: { requests: [{ name: 'cpu', exactly: { deviceClassName, count: cpus } }] } };
    }
    const exactly = { deviceClassName, capacity: { requests: { 'dra.cpu/cpu': String(cpus) } } };
    const requests = [{ name: 'cpu', exactly }];
    if (this.mode !== 'machine') return { devices: { requests } };
    const cpuset = CpuSet.from(this.#statable.slice(0, cpus));
    this.#statable = [...this.#statable.slice(cpus), ...cpuset.toArray()];
    const parameters = { apiVersion: 'v1alpha1', cpuConfig: { cpuset: cpuset.toString() } };
    return { devices: { requests, config: [{ requests: ['cpu'], opaque: { driver: 'dra.cpu', parameters } }] } };
  }

  async createClaim(name: string, spec: number | V1ResourceClaimSpec): Promise<void> {
    await this.cluster.resource.createNamespacedResourceClaim({
      namespace: this.namespace,
      body: { metadata: { name }, spec: typeof spec === 'number' ? this.claimSpec(spec) : spec },
    });
  }

  async createTemplate(name: string, cpus: number): Promise<void> {
    await this.cluster.resource.createNamespacedResourceClaimTemplate({
      namespace: this.namespace,
      body: { metadata: { name }, spec: { spec: this.claimSpec(cpus) } },
    });
  }

  /** Creates a pod on the node, without waiting for it. */
  async createPod(wish: PodWish): Promise<V1Pod> {
    const claims = Object.entries(wish.claims ?? {});
    const container = ({ name, claims: used = [], command = WAIT_FOR_END, overrides }: ContainerWish): V1Container => ({
      name,
      image: this.cluster.settings.testImage,
      imagePullPolicy: 'IfNotPresent',
      command: [...command],
      resources: { claims: used.map((claim) => ({ name: claim })) },
      ...overrides,
    });
    const containers = wish.containers ?? [{ name: 'main', claims: claims.map(([name]) => name) }];
    return await this.cluster.core.createNamespacedPod({
      namespace: this.namespace,
      body: {
        metadata: { name: wish.name },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': this.cluster.nodeName },
          restartPolicy: wish.restartPolicy ?? 'Never',
          terminationGracePeriodSeconds: 2,
          containers: containers.map(container),
          initContainers: (wish.initContainers ?? []).map(container),
          resourceClaims: claims.map(([name, source]) =>
            'claim' in source
              ? { name, resourceClaimName: source.claim }
              : { name, resourceClaimTemplateName: source.template },
          ),
        },
      },
    });
  }

  /** Creates a pod and waits until it is ready. */
  async runPod(wish: PodWish): Promise<V1Pod> {
    await this.createPod(wish);
    return await this.waitReady(wish.name);
  }

  /** Creates claim and pod of one name. */
  async runPodWithCpus(name: string, cpus: number): Promise<V1Pod> {
    await this.createClaim(name, cpus);
    return await this.runPod({ name, claims: { cpu: { claim: name } } });
  }

  async pod(name: string): Promise<V1Pod> {
    return await this.cluster.core.readNamespacedPod({ namespace: this.namespace, name });
  }

  async claim(name: string): Promise<ResourceV1ResourceClaim> {
    return await this.cluster.resource.readNamespacedResourceClaim({ namespace: this.namespace, name });
  }

  /** Waits for a pod to be ready; what holds it up is told when it never is. */
  async waitReady(name: string, limitMs = STEP_MS): Promise<V1Pod> {
    try {
      return await poll(
        `pod ${name} ready`,
        async () => {
          const pod = await this.pod(name);
          return isReady(pod) && pod;
        },
        limitMs,
      );
    } catch (error) {
      const reasons = (await this.events(name)).map(({ reason, message }) => `  ${reason}: ${message}`);
      assert.fail([errorText(error), ...reasons].join('\n'));
    }
  }

  /** Deletes a pod and waits until the API server no longer has it. */
  async deletePod(name: string, gracePeriodSeconds?: number): Promise<void> {
    await this.cluster.core.deleteNamespacedPod({ namespace: this.namespace, name, gracePeriodSeconds });
    await poll(`the end of pod ${name}`, async () => {
      const { items } = await this.cluster.core.listNamespacedPod({ namespace: this.namespace });
      return !items.some(({ metadata }) => metadata?.name === name);
    });
  }

  /** The events about an object of this namespace. */
  async events(name: string): Promise<CoreV1Event[]> {
    const { items } = await this.cluster.core.listNamespacedEvent({ namespace: this.namespace });
    return items.filter(({ involvedObject }) => involvedObject.name === name);
  }

  /** Waits for an event about an object whose message matches. */
  async waitEvent(name: string, message: RegExp): Promise<CoreV1Event> {
    return await poll(`an event of ${name} like ${message}`, async () => {
      return (await this.events(name)).find((event) => message.test(event.message ?? ''));
    });
  }

  /** The CPUs that a container's processes may run on, as seen from inside. */
  async cpusOf(pod: V1Pod, container = 'main'): Promise<CpuSet> {
    const { stdout, stderr } = await this.cluster.exec(pod, container, ['cat', '/proc/self/status']);
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(stdout)?.[1];
    assert.ok(list, `no Cpus_allowed_list in ${JSON.stringify(stdout + stderr)}`);
    return parseCpuList(list);
  }

  /** The CPUs that the driver put into a container's environment, of all its claims. */
  async claimedCpus(pod: V1Pod, container = 'main'): Promise<CpuSet> {
    const { stdout } = await this.cluster.exec(pod, container, ['env']);
    const lists = [...stdout.matchAll(/^DRA_CPUSET_[^=]+=(.*)$/gm)].map(([, list = '']) => parseCpuList(list));
    return CpuSet.unionOf(lists);
  }

  /** Waits until a container runs on none of the CPUs. */
  async waitApart(pod: V1Pod, cpus: CpuSet): Promise<void> {
    const name = pod.metadata?.name;
    await poll(`pod ${name} apart from CPUs ${cpus}`, async () => !(await this.cpusOf(pod)).intersects(cpus));
  }

  /** Waits until a container's CPUs are the wanted ones. */
  async waitCpus(pod: V1Pod, wanted: CpuSet, container = 'main'): Promise<void> {
    const name = `${pod.metadata?.name}/${container}`;
    let cpus = CpuSet.empty;
    await poll(`${name} on CPUs ${wanted}`, async () => {
      cpus = await this.cpusOf(pod, container);
      return cpus.equals(wanted);
    }).catch((error: unknown) => assert.fail(`${errorText(error)}; it is on ${cpus}`));
  }
}
