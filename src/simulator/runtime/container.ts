import { randomBytes } from 'node:crypto';
import type { LaunchedContainer } from './launcher.ts';

/** What a pod is made of, as the kubelet says it. */
export interface PodConfig {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a container is made of, as the kubelet says it. */
export interface ContainerConfig {
  readonly name: string;
  readonly image: string;
  /** Without one the container only waits. */
  readonly command?: readonly string[];
  /** "NAME=value" entries. */
  readonly env: readonly string[];
  /** Qualified names, "vendor/class=device". */
  readonly cdiDeviceIds: readonly string[];
  /** A Linux CPU list the kubelet asks for; "" for none. */
  readonly cpusetCpus?: string;
}

/** A pod's sandbox. It has no process here. */
export interface Sandbox {
  readonly id: string;
  readonly pod: PodConfig;
  state: 'ready' | 'notready';
}

/** A container in the books. */
export interface ContainerRecord {
  readonly id: string;
  readonly sandbox: Sandbox;
  readonly config: ContainerConfig;
  /** The pod's environment, then the devices'; a name may occur twice, and the last one counts for the process. */
  readonly env: readonly string[];
  readonly createdAtMs: number;
  state: 'created' | 'running' | 'exited';
  /** The cpuset it was given; "" when every CPU may be used. */
  cpus: string;
  cpuShares: number | undefined;
  launched: LaunchedContainer | undefined;
  /** Resolves when its end was told to the plugins. */
  ended: Promise<void> | undefined;
}

/** What lists say about a container. */
export interface ContainerStatus {
  readonly id: string;
  readonly name: string;
  readonly podUid: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly state: 'created' | 'running' | 'exited';
  readonly pid: number | undefined;
  /** The cpuset the runtime was told, a Linux CPU list; "" when every CPU may be used. */
  readonly cpus: string;
}

/** A new id, as long as containerd's. */
export function newId(): string {
  return randomBytes(32).toString('hex');
}

/** What lists say about a container. */
export function describeStatus({ id, config, sandbox, state, launched, cpus }: ContainerRecord): ContainerStatus {
  const { uid: podUid, name: podName, namespace: podNamespace } = sandbox.pod;
  const pid = state === 'running' ? launched?.pid : undefined;
  return { id, name: config.name, podUid, podName, podNamespace, state, pid, cpus };
}
