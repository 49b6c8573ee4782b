import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import type { Dice } from '../dice.ts';
import { HostileApiServer } from '../peers/api-server.ts';
import { Bystanders, type NodePlaces } from '../peers/bystanders.ts';
import { DriverProcess } from '../peers/driver.ts';
import { FairClock } from '../peers/fair-clock.ts';
import { HostCgroups } from '../peers/host-cgroups.ts';
import { HostileKubelet } from '../peers/kubelet.ts';
import { allCpus, writeMachine } from '../peers/machine-files.ts';
import { HostileRuntime } from '../peers/runtime.ts';
import { NRI_GENERATIONS, type NriGeneration } from '../peers/runtime-container.ts';
import { NODE_NAME, nodeObject } from './api-objects.ts';

/** The machine of every story: two NUMA nodes of four cores with two threads each. */
export const MACHINE = { nodes: 2, coresPerNode: 4 } as const;

/** How a story's node is. */
export interface WorldSettings {
  readonly nri: NriGeneration;
  readonly reservedCpus: string;
  /** CPUs of the parent cgroup of pods, a Linux list. */
  readonly podCpus: CpuSet;
}

/** How long a driver may take from its start to the kubelet's registration and the runtime's connection, in milliseconds. */
const START_TIMEOUT_MS = 20_000;
const POLL_MS = 5;

/** The last letter of a driver pod's name; a DaemonSet's controller appends five of these. */
const POD_NAME_LETTERS = 'bcdfghjklmnpqrstvwxz';

function kubeconfig(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user: { token: 't' } }],
  });
}

/** A port of loopback on which no one listens now. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** One node with its peers, and the driver as a process on it. */
export class World {
  readonly settings: WorldSettings;
  readonly places: NodePlaces;
  readonly pluginDirectory: string;
  readonly logPath: string;
  readonly api: HostileApiServer;
  readonly runtime: HostileRuntime;
  readonly kubelet: HostileKubelet;
  readonly cgroups: HostCgroups;
  readonly bystanders: Bystanders;
  /** Where the driver that was started last serves HTTP. */
  port: number;
  /** Stands still while the machine lets a driver or the suite wait. */
  readonly clock = new FairClock(() => this.drivers.filter(({ isRunning }) => isRunning).map(({ pid }) => pid));
  /** Every driver that was started, the last one last. */
  readonly drivers: DriverProcess[] = [];

  private constructor(
    settings: WorldSettings,
    {
      dice,
      places,
      api,
      port,
      onTold,
    }: { dice: Dice; places: NodePlaces; api: HostileApiServer; port: number; onTold: (cause: string) => void },
  ) {
    this.settings = settings;
    this.places = places;
    this.api = api;
    this.port = port;
    this.pluginDirectory = join(places.kubeletRoot, 'plugins/dra.cpu');
    this.logPath = join(places.hostRoot, 'driver.log');
    this.bystanders = new Bystanders(places);
    this.cgroups = new HostCgroups(places.hostRoot, { all: allCpus(MACHINE), pods: settings.podCpus });
    this.kubelet = new HostileKubelet(places.kubeletRoot, this.clock);
    const { nri } = settings;
    const { nriSocket: socketPath, cdiDirectory } = places;
    this.runtime = new HostileRuntime({
      socketPath,
      cdiDirectory,
      nri,
      cgroups: this.cgroups,
      dice,
      clock: this.clock,
      onTold,
    });
  }

  /** Makes the node and starts everything on it but the driver. `onTold` is called after the runtime was told CPUs. */
  static async create(settings: WorldSettings, dice: Dice, onTold: (cause: string) => void): Promise<World> {
    const root = mkdtempSync(join(tmpdir(), 'dh-'));
    const places = {
      root,
      hostRoot: join(root, 'host'),
      kubeletRoot: join(root, 'kubelet'),
      cdiDirectory: join(root, 'cdi'),
      nriSocket: join(root, 'nri.sock'),
    };
    mkdirSync(join(places.kubeletRoot, 'plugins_registry'), { recursive: true });
    writeMachine(places.hostRoot, MACHINE);
    const api = new HostileApiServer();
    const server = await api.start();
    writeFileSync(join(places.hostRoot, 'kubeconfig'), kubeconfig(server));
    api.store.put('nodes', nodeObject(allCpus(MACHINE).size));
    const world = new World(settings, { dice, places, api, port: await findFreePort(), onTold });
    world.bystanders.remember();
    await world.runtime.start();
    return world;
  }

  /** The driver that was started last. @throws RangeError when none was. */
  get driver(): DriverProcess {
    const driver = this.drivers.at(-1);
    if (!driver) throw new RangeError('no driver was started');
    return driver;
  }

  /** Whether the runtime tells plugins the CDI devices of containers. */
  get tellsCdi(): boolean {
    return NRI_GENERATIONS[this.settings.nri].tellsCdi;
  }

  /** CPUs that claims may get. */
  get claimableCpus(): CpuSet {
    const reserved = this.settings.reservedCpus === '' ? CpuSet.empty : CpuSet.of(Number(this.settings.reservedCpus));
    return this.settings.podCpus.difference(reserved);
  }

  /** Starts a driver; as the pod `podUid` of the driver's DaemonSet when that is given. */
  spawnDriver({ podUid }: { podUid?: string } = {}): DriverProcess {
    const { places, settings } = this;
    const letter = POD_NAME_LETTERS[this.drivers.length % POD_NAME_LETTERS.length] ?? 'b';
    const pod = { POD_UID: podUid, POD_NAMESPACE: 'kube-system', POD_NAME: `dracpu-bcdf${letter}` };
    const driver = new DriverProcess({
      flags: {
        kubeconfig: join(places.hostRoot, 'kubeconfig'),
        'kubelet-root-dir': places.kubeletRoot,
        'cdi-dir': places.cdiDirectory,
        'nri-socket': places.nriSocket,
        'bind-address': `127.0.0.1:${this.port}`,
        'reserved-cpus': settings.reservedCpus,
        'start-jitter-seconds': '0',
      },
      env: { NODE_NAME, HOST_ROOT: places.hostRoot, ...(podUid === undefined ? {} : { ...pod, POD_UID: podUid }) },
      logPath: this.logPath,
    });
    this.drivers.push(driver);
    return driver;
  }

  /** Waits until the driver that was started last serves the kubelet and the runtime. False when it does not in time. */
  async waitForDriver(timeoutMs = START_TIMEOUT_MS): Promise<boolean> {
    const endMs = this.clock.nowMs + timeoutMs;
    return (await this.kubelet.waitForDriver(timeoutMs)) && (await this.waitForPinning(endMs - this.clock.nowMs));
  }

  /** Waits until the driver gets the runtime's events. */
  async waitForPinning(timeoutMs = START_TIMEOUT_MS): Promise<boolean> {
    const endMs = this.clock.nowMs + timeoutMs;
    while (this.clock.nowMs < endMs) {
      if (this.runtime.isPinned) return true;
      await sleep(POLL_MS);
    }
    return false;
  }

  /** The log of all drivers. */
  readLog(): string {
    return readFileSync(this.logPath, 'utf8');
  }

  /** Ends everything and removes the node. */
  async destroy(): Promise<void> {
    await Promise.all(this.drivers.filter(({ isRunning }) => isRunning).map((driver) => driver.kill()));
    this.kubelet.stop();
    this.clock.stop();
    await this.runtime.stop();
    await this.api.stop();
    rmSync(this.places.root, { recursive: true, force: true });
  }
}
