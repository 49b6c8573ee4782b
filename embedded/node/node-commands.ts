import { CodedError } from '../../src/lib/coded-error.ts';
import type { CpuSet } from '../../src/cpuset/cpu-set.ts';
import type { FaultRule } from '../apiserver/http/requests.ts';
import type { EmbeddedNode } from './embedded-node.ts';
import type { ContainerStatus } from '../runtime/container.ts';
import type { ProcessGuard } from './process-guard.ts';

/** What the process of an embedded node can be told, one JSON object a line on its standard input. */
export type NodeCommand =
  | { readonly do: 'listContainers' | 'readDriverState' | 'countRequests' }
  | {
      readonly do:
        | 'stopKubelet'
        | 'startKubelet'
        | 'stopRuntime'
        | 'startRuntime'
        | 'pauseApiServer'
        | 'resumeApiServer'
        /** Kill the driver first: the machine does not stop it. */
        | 'reboot';
    }
  /** While images are withheld claims are prepared but no container is created. */
  | { readonly do: 'withholdImages' | 'deliverImages' }
  /** Ends a container's process as a crash would. */
  | { readonly do: 'killContainer'; readonly pod: string; readonly container: string }
  | { readonly do: 'failRequests'; readonly rule: FaultRule }
  /** Ends another process, a driver's, when the node ends, however its parent ended. */
  | { readonly do: 'guard'; readonly pid: number };

/** A container as the node's process tells of it. */
export interface ContainerReport
  extends Pick<ContainerStatus, 'name' | 'podName' | 'podNamespace' | 'state' | 'attempt' | 'cpus' | 'mems' | 'env'> {
  readonly pid?: number;
  /** Where it may run, as the kernel says; absent when it does not run. */
  readonly actual?: string;
}

/** How drivers stand with the node. */
export interface DriverState {
  /** Registered with the kubelet. */
  readonly drivers: readonly string[];
  /** How many registrations there were. */
  readonly registrations: number;
  /** Synchronised with the container runtime, as "00-dra.cpu". */
  readonly nriPlugins: readonly string[];
}

/** A command that names something that is not there. */
class NodeCommandError extends CodedError<'NotFound'> {
  override readonly name = 'NodeCommandError';
}

async function reportContainer(node: EmbeddedNode, container: ContainerStatus): Promise<ContainerReport> {
  const { id, name, podName, podNamespace, state, attempt, cpus, mems, env, pid } = container;
  // It may end at any moment.
  const actual: CpuSet | undefined =
    state === 'running' ? await node.runtime.actualCpus(id).catch(() => undefined) : undefined;
  const facts = { name, podName, podNamespace, state, attempt, cpus, mems, env };
  return { ...facts, ...(pid === undefined ? {} : { pid }), ...(actual ? { actual: actual.toString() } : {}) };
}

async function killContainer(node: EmbeddedNode, pod: string, name: string): Promise<void> {
  const all = await node.runtime.listContainers();
  const found = all.find((each) => each.podName === pod && each.name === name && each.state === 'running');
  if (!found) {
    throw new NodeCommandError('NotFound', `Cannot kill container "${name}" of pod "${pod}": no such container runs`);
  }
  await node.runtime.stopContainer(found.id, 0);
}

function readDriverState({ kubelet, runtime }: EmbeddedNode): DriverState {
  return { drivers: kubelet.driverNames, registrations: kubelet.registrations, nriPlugins: runtime.plugins };
}

/** Does what a command says; the answer is a JSON value, undefined for nothing to tell. */
export async function runNodeCommand(node: EmbeddedNode, command: NodeCommand, guard: ProcessGuard): Promise<unknown> {
  const { kubelet, runtime, apiServer } = node;
  switch (command.do) {
    case 'listContainers':
      return Promise.all((await runtime.listContainers()).map((container) => reportContainer(node, container)));
    case 'readDriverState':
      return readDriverState(node);
    case 'countRequests':
      return apiServer.counts.all();
    case 'stopKubelet':
      return kubelet.stop();
    case 'startKubelet':
      return kubelet.start();
    case 'stopRuntime':
      return runtime.stop({ keepContainers: true });
    case 'startRuntime':
      return runtime.start();
    case 'pauseApiServer':
      return apiServer.pause();
    case 'resumeApiServer':
      return apiServer.resume();
    case 'reboot':
      return node.reboot();
    case 'withholdImages':
      kubelet.areImagesThere = false;
      return undefined;
    case 'deliverImages':
      kubelet.areImagesThere = true;
      return undefined;
    case 'killContainer':
      return killContainer(node, command.pod, command.container);
    case 'failRequests':
      return apiServer.faults.failNext(command.rule);
    case 'guard':
      return guard.take(command.pid);
  }
}
