import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import {
  CDIDevice,
  ContainerConfig,
  ContainerMetadata,
  ImageSpec,
  LinuxContainerConfig,
  LinuxContainerResources,
  LinuxContainerSecurityContext,
  LinuxPodSandboxConfig,
  LinuxSandboxSecurityContext,
  NamespaceMode,
  NamespaceOption,
  PodSandboxConfig,
  PodSandboxMetadata,
  RuntimeServiceDefinition,
} from '../gen/cri.ts';
import { callUnary } from '../../../src/lib/grpc-call.ts';
import { type GrpcMethod, toGrpcMethods } from '../../../src/lib/grpc-methods.ts';
import { newMessage } from '../../../src/nri/messages.ts';
import { IMAGE } from './image.ts';

const CRI = toGrpcMethods(RuntimeServiceDefinition);

/** Far longer than any call takes: an emulated machine runs the same client. In milliseconds. */
const CALL_MS = 120_000;

/** How long a runtime may take to be back after a restart, and between two tries, in milliseconds. */
const RESTART_MS = 30_000;
const RETRY_MS = 50;

/** No network of its own: there is no CNI. */
const HOST_NETWORK = newMessage(NamespaceOption, { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER });

/** A pod whose sandbox runs. */
export interface Pod {
  readonly sandboxId: string;
  readonly config: PodSandboxConfig;
}

/** What a container of a test is made of. */
export interface ContainerWish {
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cdiDeviceIds?: readonly string[];
}

/** The kubelet's end of a container runtime. */
export class CriClient {
  readonly #client: Client;
  readonly #cgroupParent: string;
  #attempts = 0;

  constructor(socketPath: string, cgroupParent: string) {
    this.#client = new Client(`unix://${socketPath}`, credentials.createInsecure(), {
      'grpc.initial_reconnect_backoff_ms': RETRY_MS,
      'grpc.max_reconnect_backoff_ms': 200,
    });
    this.#cgroupParent = cgroupParent;
  }

  close(): void {
    this.#client.close();
  }

  /** Calls like the kubelet: a runtime that has just been started is asked again. */
  async #call<Request, Response>(method: GrpcMethod<Request, Response>, request: Request): Promise<Response> {
    const deadlineMs = performance.now() + RESTART_MS;
    for (;;) {
      try {
        return await callUnary(this.#client, method, { request, timeoutMs: CALL_MS });
      } catch (error) {
        const { code } = error as Partial<ServiceError>;
        if (code !== status.UNAVAILABLE || performance.now() > deadlineMs) throw error;
        await delay(RETRY_MS);
      }
    }
  }

  async runPod(name: string, uid = `uid-${name}`): Promise<Pod> {
    const security = newMessage(LinuxSandboxSecurityContext, { namespaceOptions: HOST_NETWORK });
    const config = newMessage(PodSandboxConfig, {
      metadata: newMessage(PodSandboxMetadata, { name, uid, namespace: 'shop' }),
      linux: newMessage(LinuxPodSandboxConfig, {
        cgroupParent: `${this.#cgroupParent}/${uid}`,
        securityContext: security,
      }),
    });
    const { podSandboxId } = await this.#call(CRI.runPodSandbox, { config });
    return { sandboxId: podSandboxId, config };
  }

  async removePod({ sandboxId }: Pod): Promise<void> {
    await this.#call(CRI.stopPodSandbox, { podSandboxId: sandboxId });
    await this.#call(CRI.removePodSandbox, { podSandboxId: sandboxId });
  }

  /** Makes a container and does not start it; its id. */
  async create({ sandboxId, config }: Pod, wish: ContainerWish = {}): Promise<string> {
    this.#attempts += 1;
    const { name = 'main', env = {}, cdiDeviceIds = [] } = wish;
    const container = newMessage(ContainerConfig, {
      metadata: newMessage(ContainerMetadata, { name, attempt: this.#attempts }),
      image: newMessage(ImageSpec, { image: IMAGE }),
      envs: Object.entries(env).map(([key, value]) => ({ key, value })),
      linux: newMessage(LinuxContainerConfig, {
        securityContext: newMessage(LinuxContainerSecurityContext, { namespaceOptions: HOST_NETWORK }),
      }),
      cdiDevices: cdiDeviceIds.map((device) => newMessage(CDIDevice, { name: device })),
    });
    const request = { podSandboxId: sandboxId, config: container, sandboxConfig: config };
    return (await this.#call(CRI.createContainer, request)).containerId;
  }

  async start(containerId: string): Promise<void> {
    await this.#call(CRI.startContainer, { containerId });
  }

  /** Makes and starts a container; its id. */
  async run(pod: Pod, wish: ContainerWish = {}): Promise<string> {
    const id = await this.create(pod, wish);
    await this.start(id);
    return id;
  }

  /** Ends a container at once and removes it. */
  async remove(containerId: string): Promise<void> {
    await this.#call(CRI.stopContainer, { containerId, timeout: 0n });
    await this.#call(CRI.removeContainer, { containerId });
  }

  /** Changes a container's resources as the kubelet does; no memory nodes leave its memory as it is. */
  async setCpuset(containerId: string, cpusetCpus: string, cpusetMems = ''): Promise<void> {
    const linux = newMessage(LinuxContainerResources, { cpusetCpus, cpusetMems, cpuShares: 512n });
    const request = { containerId, linux };
    await this.#call(CRI.updateContainerResources, request);
  }

  /** The container's first process. */
  async pidOf(containerId: string): Promise<number> {
    const request = { containerId, verbose: true };
    const { info } = await this.#call(CRI.containerStatus, request);
    const { pid } = JSON.parse(info.info ?? '{}') as { pid?: number };
    if (!pid) throw new RangeError(`container ${containerId} has no process`);
    return pid;
  }
}
