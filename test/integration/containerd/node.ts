import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readContainerCpuset } from '../../../src/cgroup/container-cpuset.ts';
import { claimCdiDeviceId } from '../../../src/records/cdi-spec.ts';
import { eventually } from '../../../src/lib/testing/eventually.ts';
import { Cluster } from '../cluster.ts';
import { type ClaimName, DriverProcess } from '../driver-process.ts';
import { Containerd } from './containerd.ts';
import { CriClient, type Pod } from './cri-client.ts';
import { findRuntimeBinaries } from './debian-packages.ts';

/** A pod with one container that has a claim. */
export interface ClaimedPod {
  readonly pod: Pod;
  readonly containerId: string;
  readonly claim: ClaimName;
}

/** A node: containerd, the driver, an API server, and this process as their kubelet. */
export class TestNode {
  readonly containerd: Containerd;
  readonly cri: CriClient;
  readonly cluster: Cluster;
  readonly driver: DriverProcess;
  readonly #kubeconfig: string;

  private constructor(containerd: Containerd, cluster: Cluster, kubeconfig: string) {
    this.containerd = containerd;
    this.cri = new CriClient(containerd.criSocket, containerd.cgroupParent);
    this.cluster = cluster;
    this.#kubeconfig = kubeconfig;
    this.driver = this.newDriver();
  }

  /** @throws UnavailableError when this machine cannot have a containerd. */
  static async start(): Promise<TestNode> {
    const binaries = await findRuntimeBinaries();
    const directory = await mkdtemp(join(tmpdir(), 'dct-'));
    const containerd = new Containerd(directory, binaries);
    await containerd.create();
    const kubeconfig = join(directory, 'kubeconfig');
    const cluster = await Cluster.start(kubeconfig);
    const node = new TestNode(containerd, cluster, kubeconfig);
    await node.driver.start();
    return node;
  }

  /** A driver that is not started; the same places, whatever its pod. */
  newDriver(podName?: string): DriverProcess {
    const { directory, nriSocket, cdiDirectory } = this.containerd;
    const { nodeName } = this.cluster;
    const pod = podName === undefined ? {} : { podName };
    return new DriverProcess({ nodeName, directory, kubeconfig: this.#kubeconfig, nriSocket, cdiDirectory, ...pod });
  }

  async stop(): Promise<void> {
    this.cri.close();
    await this.driver.end('SIGKILL');
    await this.containerd.destroy();
    await this.cluster.stop();
  }

  /** Allocates and prepares a claim for a pod, of the first device if none is named, and runs the pod with it. */
  async runClaimed(
    name: string,
    cpus: number,
    { deviceName, cpuConfig }: { deviceName?: string; cpuConfig?: object } = {},
  ): Promise<ClaimedPod> {
    const podUid = `uid-${name}`;
    const device = await eventually('a device published', () =>
      this.cluster.devices.find(({ name }) => deviceName === undefined || name === deviceName),
    );
    const claim = this.cluster.allocate(name, { cpus, podUid, device: device.name, cpuConfig });
    const { error } = await this.driver.prepare(claim);
    if (error !== '') throw new RangeError(error);
    const pod = await this.cri.runPod(name, podUid);
    return { pod, claim, containerId: await this.runIn(pod, claim) };
  }

  /** Runs another container of a pod with its claim. */
  runIn(pod: Pod, claim: ClaimName): Promise<string> {
    return this.cri.run(pod, { cdiDeviceIds: [claimCdiDeviceId(claim.uid)] });
  }

  /** Ends the pod and gives its claim back, in the kubelet's order. */
  async removeClaimed({ pod, claim }: ClaimedPod): Promise<void> {
    await this.cri.removePod(pod);
    await this.driver.unprepare(claim);
    this.cluster.remove(claim);
  }

  /** The CPUs a container really has: where the kernel lets its process run, which is what its cgroup says. */
  async cpusOf(containerId: string): Promise<string> {
    const pid = await this.cri.pidOf(containerId);
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '';
    const cgroup = await readContainerCpuset('/', { id: containerId, pid, cgroupsPath: '' });
    const effective = cgroup?.effective.toString() ?? 'no cgroup';
    return allowed === effective ? allowed : `process ${allowed}, cgroup ${effective}`;
  }

  /** The environment of a container's process. */
  async envOf(containerId: string): Promise<string[]> {
    return (await readFile(`/proc/${await this.cri.pidOf(containerId)}/environ`, 'utf8')).split('\0');
  }
}
