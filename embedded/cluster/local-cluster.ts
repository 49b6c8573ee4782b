import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseCpuList } from '../../src/cpuset/parse.ts';
import { errorText } from '../../src/lib/log.ts';
import { ApiClient } from './api-client.ts';
import { DriverProcess } from './driver-process.ts';
import type { ContainerReport, DriverState } from '../node/node-commands.ts';
import { type Program, NodeProcess } from './node-process.ts';
import { CodedError } from '../../src/lib/coded-error.ts';

/** How a local cluster is set up. */
export interface LocalClusterOptions {
  /** This program: without a subcommand it is the driver. */
  readonly program: Program;
  /** Further arguments of `dracpu embedded-node`. */
  readonly nodeArgs?: readonly string[];
  /** Further flags of every driver. */
  readonly driverArgs?: readonly string[];
}

/** How one driver is started. */
export interface StartDriverOptions {
  /** Further flags of this driver. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Set while the API server is away, which is not waited for then. */
  readonly isApiAway?: boolean;
}

/** Something that was to happen has not. */
class ClusterError extends CodedError<'TimedOut' | 'DriverEnded' | 'NodeEnded'> {
  override readonly name = 'ClusterError';
}

/** Long enough for a machine that is busy with other things. */
const WAIT_LIMIT_MS = 30_000;
const POLL_INTERVAL_MS = 15;
/** Where a temporary directory's path is so long that sockets below it (107 bytes, unix(7)) would not fit. */
const DIRECTORY_LENGTH_MAX = 45;
/** The driver on a node of its own: nobody else asks the API server, and no port is taken. */
const DRIVER_ARGS = ['--start-jitter-seconds=0', '--bind-address='];

/** Polls until `read` gives something that is neither undefined nor false. @throws ClusterError `TimedOut` */
export async function waitFor<T>(what: string, read: () => Promise<T | undefined | false>): Promise<T> {
  const endMs = performance.now() + WAIT_LIMIT_MS;
  for (;;) {
    const value = await read();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > endMs) {
      throw new ClusterError('TimedOut', `Gave up waiting for ${what}: not there after ${WAIT_LIMIT_MS / 1_000} s`);
    }
    await delay(POLL_INTERVAL_MS);
  }
}

function makeDirectory(): string {
  const parent = tmpdir().length > DIRECTORY_LENGTH_MAX ? '/tmp' : tmpdir();
  return mkdtempSync(join(parent, 'dracpu-'));
}

/** An embedded node and the real driver as separate processes in a private directory, and what one asks of them. */
export class LocalCluster {
  readonly node: NodeProcess;
  readonly api: ApiClient;
  readonly directory: string;
  readonly #options: LocalClusterOptions;
  readonly #logFds: number[];
  readonly #drivers: DriverProcess[] = [];

  private constructor(node: NodeProcess, directory: string, logFds: number[], options: LocalClusterOptions) {
    this.node = node;
    this.api = new ApiClient(node.ready.server);
    this.directory = directory;
    this.#logFds = logFds;
    this.#options = options;
  }

  /** Starts the node, not yet a driver. @throws ClusterError `NodeEnded` with the end of its log. */
  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    const directory = makeDirectory();
    const logFds = ['node.log', 'driver.log'].map((name) => openSync(join(directory, name), 'a', 0o600));
    const [logFd = 2] = logFds;
    try {
      const args = ['--directory', directory, '--remove-directory', ...(options.nodeArgs ?? [])];
      const node = await NodeProcess.start(options.program, { args, logFd });
      return new LocalCluster(node, directory, logFds, options);
    } catch (error) {
      const log = readFileSync(join(directory, 'node.log'), 'utf8').trim();
      for (const fd of logFds) closeSync(fd);
      rmSync(directory, { recursive: true, force: true });
      const why = log === '' ? '' : `: ${log.split('\n').at(-1)}`;
      throw new ClusterError('NodeEnded', `${errorText(error)}${why}`, { cause: error });
    }
  }

  /** The driver that was started last. */
  get driver(): DriverProcess | undefined {
    return this.#drivers.at(-1);
  }

  /** What the driver has written to its log. */
  get driverLog(): string {
    return readFileSync(join(this.directory, 'driver.log'), 'utf8');
  }

  /**
   * Starts a driver and waits until kubelet, runtime and, unless that is away, API server know it; the milliseconds until the
   * kubelet did.
   * @throws ClusterError `DriverEnded` with the end of its log, or `TimedOut`.
   */
  async startDriver(options: StartDriverOptions = {}): Promise<number> {
    const { registrations } = await this.readDriverState();
    const startMs = performance.now();
    const driver = this.launchDriver(options);
    await this.node.call({ do: 'guard', pid: driver.pid });
    await waitFor('the driver to register with the kubelet', async () => {
      this.#checkDriver(driver);
      return (await this.readDriverState()).registrations > registrations;
    });
    const registeredMs = performance.now() - startMs;
    await waitFor('the driver to meet the container runtime', async () => {
      this.#checkDriver(driver);
      return (await this.readDriverState()).nriPlugins.length > 0;
    });
    if (!options.isApiAway) await waitFor('the slices', async () => (await this.api.list('resourceslices')).length > 0);
    return registeredMs;
  }

  /** Starts a driver without waiting for anything. */
  launchDriver({ args = [], env = {} }: StartDriverOptions = {}): DriverProcess {
    const { program, driverArgs = [] } = this.#options;
    const { ready } = this.node;
    const [, logFd = 2] = this.#logFds;
    // CPUs that this process may not use cannot be given to containers either.
    const aside = parseCpuList(ready.online).difference(parseCpuList(ready.cpus));
    const reserved = aside.isEmpty ? [] : [`--reserved-cpus=${aside}`];
    const flags = [...DRIVER_ARGS, ...reserved, ...driverArgs, ...args];
    const driver = DriverProcess.start(program, { node: ready, args: flags, env, logFd });
    this.#drivers.push(driver);
    return driver;
  }

  async readDriverState(): Promise<DriverState> {
    return (await this.node.call({ do: 'readDriverState' })) as DriverState;
  }

  async listContainers(): Promise<ContainerReport[]> {
    return (await this.node.call({ do: 'listContainers' })) as ContainerReport[];
  }

  /** The running container of a pod. */
  async waitForContainer(
    pod: string,
    is: (container: ContainerReport) => boolean = () => true,
  ): Promise<ContainerReport> {
    try {
      return await waitFor(`a container of pod ${pod} to run`, async () => {
        const containers = await this.listContainers();
        return containers.find((each) => each.podName === pod && each.state === 'running' && is(each));
      });
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      const ofPod = (await this.api.list('events')).filter(({ involvedObject }) => involvedObject.name === pod);
      const why = ofPod.findLast(({ type }) => type === 'Warning')?.message ?? 'it has no event that says why';
      throw new ClusterError(error.code, `${error.message}: ${why}`);
    }
  }

  /** Waits until a pod has its sandbox: its claims are prepared, and the kubelet will not ask for them again. */
  async waitForSandbox(pod: string): Promise<void> {
    await waitFor(`the sandbox of pod ${pod}`, async () => {
      const conditions = (await this.api.find('pods', pod))?.status?.conditions ?? [];
      return conditions.some(({ type, status }) => type === 'PodReadyToStartContainers' && status === 'True');
    });
  }

  /** Deletes a pod and waits until nothing is left of it. */
  async deletePod(name: string): Promise<void> {
    await this.api.delete('pods', name);
    await waitFor(`pod ${name} to go`, async () => (await this.api.find('pods', name)) === undefined);
  }

  /** Ends drivers and node, and removes the directory. May be called twice. */
  async stop(): Promise<void> {
    for (const driver of this.#drivers.toReversed()) await driver.stop();
    await this.node.stop();
    for (const fd of this.#logFds.splice(0)) closeSync(fd);
    rmSync(this.directory, { recursive: true, force: true });
  }

  #checkDriver(driver: DriverProcess): void {
    if (driver.isRunning) return;
    const end = this.driverLog.trim().split('\n').slice(-3).join('\n');
    throw new ClusterError('DriverEnded', `Cannot start the driver: its process ended; the end of its log is:\n${end}`);
  }
}
