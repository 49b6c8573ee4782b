import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CpuSet } from '../../src/cpuset/cpu-set.ts';
import type { Log } from '../../src/lib/log.ts';
import { ApiServer } from '../apiserver/api-server.ts';
import type { FeatureGates } from '../apiserver/feature-gates.ts';
import { writeKubeconfig } from '../apiserver/kubeconfig.ts';
import { Kubelet } from '../kubelet/kubelet.ts';
import type { KubeletTiming } from '../kubelet/timing.ts';
import type { NriGeneration } from '../runtime/nri-identity.ts';
import { Runtime } from '../runtime/runtime.ts';
import { Scheduler } from '../scheduler/scheduler.ts';

/** What an embedded node is made of. */
export interface EmbeddedNodeOptions {
  /** Where all its files are; private, and short because sockets lie in it. */
  readonly directory: string;
  readonly nodeName: string;
  /** CPUs that containers may have. */
  readonly cpus: CpuSet;
  /** Whether containers are real processes or entries in the books. */
  readonly launcher: 'process' | 'simulated';
  /** Such as "v1.36.0". */
  readonly kubernetesVersion: string;
  readonly featureGates?: FeatureGates;
  readonly timing?: Partial<KubeletTiming>;
  readonly nri?: NriGeneration;
  readonly log: Log;
}

/** Where an embedded node can be reached. */
export interface NodeAddresses {
  readonly server: string;
  readonly kubeconfig: string;
  readonly kubeletRoot: string;
  readonly nriSocket: string;
  readonly cdiDirectory: string;
}

/** Where in a node's directory its parts are. */
function layOut(directory: string): Omit<NodeAddresses, 'server'> {
  return {
    kubeconfig: join(directory, 'kubeconfig'),
    kubeletRoot: join(directory, 'kubelet'),
    nriSocket: join(directory, 'nri.sock'),
    cdiDirectory: join(directory, 'cdi'),
  };
}

/** A node of a cluster in one process: API server, scheduler, kubelet and container runtime, each on its real wire. */
export class EmbeddedNode {
  readonly apiServer: ApiServer;
  readonly runtime: Runtime;
  readonly kubelet: Kubelet;
  readonly addresses: NodeAddresses;
  readonly #scheduler: Scheduler;

  private constructor(apiServer: ApiServer, { directory, ...options }: EmbeddedNodeOptions) {
    const { nodeName, cpus, launcher, kubernetesVersion, timing, nri, log } = options;
    const { store } = apiServer;
    this.apiServer = apiServer;
    this.addresses = { server: apiServer.url, ...layOut(directory) };
    const { nriSocket: nriSocketPath, cdiDirectory, kubeletRoot: rootDirectory } = this.addresses;
    this.runtime = new Runtime({ nriSocketPath, cdiDirectory, launcher, cpus, log, ...(nri ? { nri } : {}) });
    const { runtime } = this;
    this.kubelet = new Kubelet({
      store,
      runtime,
      rootDirectory,
      nodeName,
      cpus,
      kubernetesVersion,
      log,
      ...(timing ? { timing } : {}),
    });
    this.#scheduler = Scheduler.start(store);
  }

  /** @throws RuntimeError `CannotSetCpus` when processes cannot be pinned on this system. */
  static async start(options: EmbeddedNodeOptions): Promise<EmbeddedNode> {
    const { featureGates, kubernetesVersion, log } = options;
    const gates = featureGates ? { featureGates } : {};
    const apiServer = await ApiServer.start({ gitVersion: kubernetesVersion, log, ...gates });
    const node = new EmbeddedNode(apiServer, options);
    try {
      const { server, kubeconfig, cdiDirectory } = node.addresses;
      await mkdir(cdiDirectory, { recursive: true });
      await node.runtime.start();
      await node.kubelet.start();
      await writeKubeconfig(kubeconfig, { server });
      return node;
    } catch (error) {
      await node.stop();
      throw error;
    }
  }

  /** What a reboot of the machine does: containers are gone, and so is what lies below /run; the API server is elsewhere. */
  async reboot(): Promise<void> {
    await this.kubelet.stop();
    await this.runtime.stop();
    for (const name of await readdir(this.addresses.cdiDirectory)) {
      await rm(join(this.addresses.cdiDirectory, name), { recursive: true });
    }
    await this.runtime.start();
    await this.kubelet.start();
  }

  /** Ends every container and everything that listens. May be called twice. */
  async stop(): Promise<void> {
    this.#scheduler.stop();
    await this.kubelet.stop();
    await this.runtime.stop();
    await this.apiServer.stop();
  }
}
