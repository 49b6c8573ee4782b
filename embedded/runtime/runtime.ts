import { type ContainerUpdate, Event } from '../../src/gen/nri.ts';
import type { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../src/cpuset/parse.ts';
import { KeyedQueue } from '../../src/lib/keyed-queue.ts';
import { errorText, type Log } from '../../src/lib/log.ts';
import { TtrpcError } from '../../src/ttrpc/status.ts';
import { adjustEnv } from './adjust-env.ts';
import { resolveCdiDevices } from './cdi-devices.ts';
import {
  type ContainerConfig,
  type ContainerRecord,
  type ContainerStatus,
  describeStatus,
  newId,
  type PodConfig,
  type Sandbox,
  type SandboxStatus,
} from './container.ts';
import { createLauncher, type LaunchedContainer, type Launcher } from './launcher.ts';
import { type CpuChange, readCpuChange } from './merge-replies.ts';
import { toContainerMessage, toPodMessage, toResources } from './nri-messages.ts';
import { chooseIdentity, type NriGeneration } from './nri-identity.ts';
import { NriServer } from './nri-server.ts';
import type { PlainEvent } from './plugin-connection.ts';
import { RuntimeError } from './runtime-error.ts';

/** As containerd has them by default, in milliseconds. */
const TIMEOUTS = { registrationTimeoutMs: 5000, requestTimeoutMs: 2000 };

/** A little under the limit of ttrpc, for what is around the message. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024 - 4096;

/** What a runtime is made of. */
export interface RuntimeOptions {
  /** Where plugins connect. */
  readonly nriSocketPath: string;
  /** Where CDI spec files are. */
  readonly cdiDirectory: string;
  /** Whether containers are real processes or entries in the books. */
  readonly launcher: 'process' | 'simulated';
  /** The machine's CPUs. */
  readonly cpus: CpuSet;
  readonly log: Log;
  /** As which NRI it appears; default: `0.12`. */
  readonly nri?: NriGeneration;
  /** Milliseconds; default as containerd: 5000 to register, 2000 to answer. */
  readonly timeouts?: Partial<typeof TIMEOUTS>;
  /** Largest Synchronize message; default: what ttrpc allows. */
  readonly messageBytesMax?: number;
}

/**
 * A container runtime as the kubelet and NRI plugins see one: sandboxes and containers with CDI devices, NRI on a real
 * socket, containers as real processes whose CPUs it sets. It behaves as containerd 2.1.9 was measured to, faults included:
 * a plugin that is late or gone is left out and containers are created without it.
 */
export class Runtime {
  readonly #options: RuntimeOptions;
  readonly #log: Log;
  readonly #nri: NriServer;
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #containers = new Map<string, ContainerRecord>();
  readonly #listeners = new Set<(podUid: string) => void>();
  readonly #queue = new KeyedQueue();
  #launcher: Launcher | undefined;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#nri = new NriServer({
      socketPath: options.nriSocketPath,
      identity: chooseIdentity(options.nri ?? '0.12'),
      timeouts: { ...TIMEOUTS, ...options.timeouts },
      messageBytesMax: options.messageBytesMax ?? MESSAGE_BYTES_MAX,
      log: options.log,
      host: {
        exclusively: (task) => this.#exclusively(task),
        readState: () => this.#readState(),
        applyUpdates: async (updates) => void (await this.#applyChanges(updates.map(readCpuChange))),
        applyUnsolicited: (updates) => this.#applyUnsolicited(updates),
      },
    });
  }

  /** The synchronised plugins, as "90-dra". */
  get plugins(): readonly string[] {
    return this.#nri.plugins;
  }

  /** How CPUs are set: "cgroup v1", "cgroup v2", "taskset" or "simulated"; undefined before the start. */
  get launcherKind(): string | undefined {
    return this.#launcher?.kind;
  }

  /** @throws RuntimeError `CannotSetCpus` when processes cannot be pinned on this system. */
  async start(): Promise<void> {
    this.#launcher ??= await createLauncher(
      this.#options.launcher,
      this.#options.cpus,
      `dracpu-${newId().slice(0, 12)}`,
    );
    await this.#nri.start();
  }

  /** Hangs up on the plugins and, unless they are to be kept, ends every container. May be called again. */
  async stop({ keepContainers = false }: { keepContainers?: boolean } = {}): Promise<void> {
    await this.#nri.stop();
    if (keepContainers) return;
    // In turn with what is being done, so that no container is just being started.
    await this.#exclusively(async () => {
      for (const container of this.#containers.values()) container.launched?.signal('SIGKILL');
    });
    for (const container of this.#containers.values()) await container.ended;
    this.#containers.clear();
    this.#sandboxes.clear();
    await this.#launcher?.close();
    this.#launcher = undefined;
  }

  /** What happens to plugins when the real runtime restarts: connections break, containers run on. */
  async restart(): Promise<void> {
    await this.stop({ keepContainers: true });
    await this.start();
  }

  /** Makes a pod's sandbox; its id. */
  runPodSandbox(pod: PodConfig): Promise<string> {
    return this.#exclusively(async () => {
      const sandbox: Sandbox = { id: newId(), pod, state: 'ready' };
      await this.#nri.notify(Event.RUN_POD_SANDBOX, toPodMessage(sandbox)).catch((error: unknown) => {
        throw refused('NRI RunPodSandbox failed', error);
      });
      this.#sandboxes.set(sandbox.id, sandbox);
      return sandbox.id;
    });
  }

  /**
   * Makes a container, to be started later; its id.
   * @throws RuntimeError `UnresolvableCdiDevices`, or `RefusedByPlugin` with the plugin's words.
   */
  createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    return this.#exclusively(async () => {
      const sandbox = this.#findSandbox(sandboxId);
      const deviceEnv = await resolveCdiDevices(this.#options.cdiDirectory, config.cdiDeviceIds);
      const container: ContainerRecord = {
        id: newId(),
        sandbox,
        config,
        env: [...config.env, ...deviceEnv],
        createdAtMs: Date.now(),
        state: 'created',
        cpus: config.cpusetCpus ?? '',
        mems: config.cpusetMems ?? '',
        cpuShares: config.cpuShares,
        launched: undefined,
        startedAtMs: undefined,
        finishedAtMs: undefined,
        exitCode: undefined,
        ended: undefined,
      };
      await this.#askAboutCreation(container);
      this.#containers.set(container.id, container);
      await this.#notify(Event.POST_CREATE_CONTAINER, container);
      return container.id;
    });
  }

  /** @throws RuntimeError `CannotStart` or `CannotSetCpus`; the container stays created. */
  startContainer(id: string): Promise<void> {
    return this.#exclusively(async () => {
      const container = this.#findContainer(id);
      if (container.state !== 'created' || !this.#launcher) throw wrongState('start', container, 'created');
      await this.#notify(Event.START_CONTAINER, container);
      const { config, env } = container;
      const cpus = this.#parseCpus(container.cpus);
      const spec = { containerId: id, command: config.command ?? [], env, cpus, mems: container.mems };
      const launched = await this.#launcher.launch(spec);
      container.launched = launched;
      container.state = 'running';
      container.startedAtMs = Date.now();
      container.ended = this.#whenEnded(container, launched);
      await this.#notify(Event.POST_START_CONTAINER, container);
    });
  }

  /** Ends a container, by force after `graceMs`. One that is not running or not known is left as it is. */
  async stopContainer(id: string, graceMs: number): Promise<void> {
    const container = this.#containers.get(id);
    if (container?.state !== 'running' || !container.launched || !container.ended) return;
    const { launched, ended } = container;
    launched.signal('SIGTERM');
    const timer = setTimeout(() => launched.signal('SIGKILL'), graceMs);
    await ended.finally(() => clearTimeout(timer));
  }

  /** Forgets a container, which is ended first. One that is not known is left as it is. */
  async removeContainer(id: string): Promise<void> {
    await this.stopContainer(id, 0);
    await this.#exclusively(async () => {
      const container = this.#containers.get(id);
      if (!container) return;
      this.#containers.delete(id);
      await this.#notify(Event.REMOVE_CONTAINER, container);
    });
  }

  /** Ends a pod's containers and its sandbox. May be called again. */
  async stopPodSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox?.state !== 'ready') return;
    await Promise.all(this.#containersOf(sandbox).map((container) => this.stopContainer(container.id, 0)));
    await this.#exclusively(async () => {
      sandbox.state = 'notready';
      await this.#notifyPod(Event.STOP_POD_SANDBOX, sandbox);
    });
  }

  /** Forgets a pod's containers and its sandbox, which are ended first. One that is not known is left as it is. */
  async removePodSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id);
    if (!sandbox) return;
    await this.stopPodSandbox(id);
    for (const container of this.#containersOf(sandbox)) await this.removeContainer(container.id);
    await this.#exclusively(async () => {
      if (this.#sandboxes.delete(id)) await this.#notifyPod(Event.REMOVE_POD_SANDBOX, sandbox);
    });
  }

  /**
   * Changes a container's resources as the kubelet asks; what a plugin answers for that container wins.
   * @throws RuntimeError `RefusedByPlugin` or `CannotSetCpus`.
   */
  updateContainerResources(
    id: string,
    wanted: { cpusetCpus?: string; cpusetMems?: string; cpuShares?: number },
  ): Promise<void> {
    return this.#exclusively(async () => {
      const container = this.#findContainer(id);
      if (container.state === 'exited') throw wrongState('update', container, 'created or running');
      const { cpusetCpus: cpus = '', cpusetMems: mems = '', cpuShares } = wanted;
      const messages = [toPodMessage(container.sandbox), toContainerMessage(container)] as const;
      const changes = await this.#nri
        .updateContainer(...messages, toResources({ cpus, mems, cpuShares }))
        .catch((error) => {
          throw refused('failed to update container via NRI', error);
        });
      const own = changes.find((change) => change.containerId === id);
      await this.#setCpuset(container, { cpus: own?.cpus || cpus, mems: own?.mems || mems });
      container.cpuShares = own?.cpuShares ?? cpuShares ?? container.cpuShares;
      await this.#applyChanges(changes.filter((change) => change !== own));
      await this.#notify(Event.POST_UPDATE_CONTAINER, container);
    });
  }

  /** Tells `listener` the pod's uid whenever a container has ended, until the returned function is called. */
  subscribe(listener: (podUid: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** All sandboxes, the stopped ones included. */
  listSandboxes(): Promise<SandboxStatus[]> {
    return Promise.resolve([...this.#sandboxes.values()].map((sandbox) => ({ ...sandbox })));
  }

  /** All containers, the exited ones included. */
  listContainers(): Promise<ContainerStatus[]> {
    return Promise.resolve([...this.#containers.values()].map(describeStatus));
  }

  /**
   * The CPUs on which the kernel lets a running container run.
   * @throws RuntimeError `WrongState` when it does not run.
   */
  actualCpus(id: string): Promise<CpuSet> {
    const container = this.#findContainer(id);
    if (container.state !== 'running' || !container.launched) throw wrongState('inspect', container, 'running');
    return container.launched.readCpus();
  }

  #exclusively<T>(task: () => Promise<T>): Promise<T> {
    return this.#queue.run('state', task);
  }

  #readState() {
    const containers = [...this.#containers.values()].filter((container) => container.state !== 'exited');
    return { pods: [...this.#sandboxes.values()].map(toPodMessage), containers: containers.map(toContainerMessage) };
  }

  /** Lets plugins choose a new container's CPUs and change others'. */
  async #askAboutCreation(container: ContainerRecord): Promise<void> {
    const messages = [toPodMessage(container.sandbox), toContainerMessage(container)] as const;
    const { cpus, mems, env, changes } = await this.#nri.createContainer(...messages).catch(async (error: unknown) => {
      await this.#undoCreation(container);
      throw refused('failed to get NRI adjustment for container', error);
    });
    container.cpus = cpus || container.cpus;
    container.mems = mems || container.mems;
    container.env = adjustEnv(container.env, env);
    await this.#applyChanges(changes);
  }

  /** The real runtime ends and removes a container, as far as plugins can see, that one of them has refused. */
  async #undoCreation(container: ContainerRecord): Promise<void> {
    await this.#tellOfEnd(container);
    await this.#notify(Event.REMOVE_CONTAINER, container);
  }

  async #tellOfEnd(container: ContainerRecord): Promise<void> {
    const messages = [toPodMessage(container.sandbox), toContainerMessage(container)] as const;
    try {
      await this.#applyChanges(await this.#nri.stopContainer(...messages));
    } catch (error) {
      this.#logEventFailure(Event.STOP_CONTAINER, error);
    }
  }

  /** Waits for a container's end and tells the plugins, once, however it came. */
  async #whenEnded(container: ContainerRecord, launched: LaunchedContainer): Promise<void> {
    const exitCode = await launched.exited;
    await this.#exclusively(async () => {
      container.state = 'exited';
      container.exitCode = exitCode;
      container.finishedAtMs = Date.now();
      await this.#tellOfEnd(container);
    });
    for (const listener of this.#listeners) listener(container.sandbox.pod.uid);
  }

  async #applyUnsolicited(updates: readonly ContainerUpdate[]): Promise<ContainerUpdate[]> {
    const failed = await this.#applyChanges(updates.map(readCpuChange));
    if (failed.some((change) => !change.ignoreFailure)) {
      // The real runtime does not say which ones either.
      throw new TtrpcError('Unknown', 'NRI update of some containers failed');
    }
    return [];
  }

  /** Applies what can be applied; containers that are unknown or have ended count as done. Those that failed. */
  async #applyChanges(changes: readonly CpuChange[]): Promise<CpuChange[]> {
    const failed: CpuChange[] = [];
    for (const change of changes) {
      const container = this.#containers.get(change.containerId);
      if (!container || container.state === 'exited') continue;
      try {
        await this.#setCpuset(container, change);
        container.cpuShares = change.cpuShares ?? container.cpuShares;
      } catch (error) {
        failed.push(change);
        this.#log.warn('NRI update failed', { container: change.containerId, reason: errorText(error) });
      }
    }
    return failed;
  }

  /** Gives a container a cpuset, "" being no change: at once when it runs, else when it starts. */
  async #setCpuset(container: ContainerRecord, { cpus, mems }: { cpus: string; mems: string }): Promise<void> {
    const launched = container.state === 'running' ? container.launched : undefined;
    if (cpus !== '') await launched?.setCpus(this.#parseCpus(cpus));
    container.cpus = cpus || container.cpus;
    if (mems !== '') await launched?.setMems(mems);
    container.mems = mems || container.mems;
  }

  #parseCpus(cpus: string): CpuSet {
    return cpus === '' ? this.#options.cpus : parseCpuList(cpus);
  }

  /** Tells of what has happened; a plugin that fails cannot undo it. */
  async #notify(event: PlainEvent, container: ContainerRecord): Promise<void> {
    const messages = [toPodMessage(container.sandbox), toContainerMessage(container)] as const;
    await this.#nri.notify(event, ...messages).catch((error: unknown) => this.#logEventFailure(event, error));
  }

  async #notifyPod(event: PlainEvent, sandbox: Sandbox): Promise<void> {
    await this.#nri.notify(event, toPodMessage(sandbox)).catch((error: unknown) => this.#logEventFailure(event, error));
  }

  #logEventFailure(event: Event, error: unknown): void {
    this.#log.warn('NRI event failed', { event, reason: errorText(error) });
  }

  #findSandbox(id: string): Sandbox {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox?.state === 'ready') return sandbox;
    throw new RuntimeError('NotFound', `Cannot find sandbox ${JSON.stringify(id)}: no sandbox of this id is ready`);
  }

  #findContainer(id: string): ContainerRecord {
    const container = this.#containers.get(id);
    if (container) return container;
    throw new RuntimeError('NotFound', `Cannot find container ${JSON.stringify(id)}: there is none of this id`);
  }

  #containersOf(sandbox: Sandbox): ContainerRecord[] {
    return [...this.#containers.values()].filter((container) => container.sandbox === sandbox);
  }
}

function wrongState(action: string, { id, state }: ContainerRecord, wanted: string): RuntimeError {
  return new RuntimeError('WrongState', `Cannot ${action} container "${id}": it is ${state}, want ${wanted}`);
}

/** A plugin's refusal as the kubelet is told of it. */
function refused(what: string, error: unknown): RuntimeError {
  const why =
    error instanceof TtrpcError ? `rpc error: code = ${error.code} desc = ${error.message}` : errorText(error);
  return new RuntimeError('RefusedByPlugin', `${what}: ${why}`, { cause: error });
}
