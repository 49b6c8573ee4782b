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
  /** A Linux list of NUMA nodes the kubelet asks for, as its Memory Manager does; "" for none. */
  readonly cpusetMems?: string;
  /** The weight of its CPU time, 1024 a CPU (cgroup v1 cpu.shares); not set by default. */
  readonly cpuShares?: number;
  /** Which of the containers of this name in the pod it is, 0 for the first and by default. */
  readonly attempt?: number;
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
  env: readonly string[];
  readonly createdAtMs: number;
  state: 'created' | 'running' | 'exited';
  /** The cpuset it was given; "" when every CPU may be used. */
  cpus: string;
  /** The NUMA nodes its memory is bound to, a Linux list; "" for every node. */
  mems: string;
  cpuShares: number | undefined;
  launched: LaunchedContainer | undefined;
  startedAtMs: number | undefined;
  finishedAtMs: number | undefined;
  exitCode: number | undefined;
  /** Resolves when its end was told to the plugins. */
  ended: Promise<void> | undefined;
}

/** What lists say about a container. */
export interface ContainerStatus {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly image: string;
  readonly attempt: number;
  readonly podUid: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly state: 'created' | 'running' | 'exited';
  readonly pid: number | undefined;
  /** The cpuset the runtime was told, a Linux CPU list; "" when every CPU may be used. */
  readonly cpus: string;
  /** The NUMA nodes the runtime was told to bind its memory to, a Linux list; "" for every node. */
  readonly mems: string;
  /** "NAME=value" entries, with what devices and plugins have set. */
  readonly env: readonly string[];
  /** Unix time, as the next; undefined before it started. */
  readonly startedAtMs: number | undefined;
  readonly finishedAtMs: number | undefined;
  readonly exitCode: number | undefined;
}

/** What lists say about a sandbox. */
export interface SandboxStatus {
  readonly id: string;
  readonly pod: PodConfig;
  readonly state: 'ready' | 'notready';
}

/** A new id, as long as containerd's. */
export function newId(): string {
  return randomBytes(32).toString('hex');
}

/** What lists say about a container. */
export function describeStatus(record: ContainerRecord): ContainerStatus {
  const { id, config, sandbox, state, launched, cpus, mems, env, startedAtMs, finishedAtMs, exitCode } = record;
  const { uid: podUid, name: podName, namespace: podNamespace } = sandbox.pod;
  const { name, image, attempt = 0 } = config;
  const pid = state === 'running' ? launched?.pid : undefined;
  const pod = { podUid, podName, podNamespace };
  return {
    id,
    sandboxId: sandbox.id,
    name,
    image,
    attempt,
    ...pod,
    state,
    pid,
    cpus,
    mems,
    env,
    startedAtMs,
    finishedAtMs,
    exitCode,
  };
}
