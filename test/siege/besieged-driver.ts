import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Container, PodSandbox } from '../../src/gen/nri.ts';
import { silentLog } from '../../src/lib/log.ts';
import { eventually } from '../../src/lib/testing/eventually.ts';
import { newMessage } from '../../src/nri/messages.ts';
import { writeMachine } from '../../embedded/machine/write-machine.ts';
import { chooseIdentity } from '../../embedded/runtime/nri-identity.ts';
import { NriServer } from '../../embedded/runtime/nri-server.ts';
import { parseSynthetic } from '../../src/topology/synthetic.ts';
import { Cluster } from '../integration/cluster.ts';
import { DriverProcess } from '../integration/driver-process.ts';

/** 256 CPUs: a page of some 140 kB. */
const MACHINE = 'pack:2 numa:4 l3:2(size=32MB) core:8 pu:2';
const ATTACKER_NICENESS = 10;
const CLAIMS = 16;
const CLAIM_CPUS = 4;
/** As the chart's probes have it, in milliseconds. */
const PROBE_TIMEOUT_MS = 1_000;
const PROBE_INTERVAL_MS = 50;
const HOOK_INTERVAL_MS = 5;
const RSS_INTERVAL_MS = 20;
/** How long the first connections of an attack take, in milliseconds; unmeasured. */
const ATTACK_START_MS = 500;

/** What was seen from outside during a siege. */
export interface SiegeReport {
  readonly hooks: number;
  readonly hookP50Ms: number;
  readonly hookP99Ms: number;
  readonly hookMaxMs: number;
  readonly probes: number;
  readonly probesFailed: number;
  readonly probeMaxMs: number;
  /** The most memory that was seen since the start, beyond that of the settled driver. */
  readonly rssGrowthMiB: number;
}

/** The runtime's end of NRI alone: it asks about containers and does nothing with the answers. */
function createRuntime(socketPath: string): NriServer {
  return new NriServer({
    socketPath,
    identity: chooseIdentity('0.12'),
    timeouts: { registrationTimeoutMs: 5_000, requestTimeoutMs: 2_000 },
    messageBytesMax: 4_000_000,
    log: silentLog,
    host: {
      exclusively: (task) => task(),
      readState: () => ({ pods: [], containers: [] }),
      applyUpdates: async () => {},
      applyUnsolicited: async () => [],
    },
  });
}

/** Milliseconds until a probe was answered with 200 over a connection of its own, as the kubelet's are; undefined when it was not. */
function probe(port: number, path: string): Promise<number | undefined> {
  const startMs = performance.now();
  return new Promise((resolve) => {
    const call = request({ host: '127.0.0.1', port, path, agent: false, timeout: PROBE_TIMEOUT_MS }, (response) => {
      response.resume();
      response.once('error', () => resolve(undefined));
      response.once('end', () => resolve(response.statusCode === 200 ? performance.now() - startMs : undefined));
    });
    call.once('timeout', () => call.destroy(new Error('late')));
    call.once('error', () => resolve(undefined));
    call.end();
  });
}

/** The built driver as a process on a described machine of 256 CPUs with claims, between peers of this process. */
export class BesiegedDriver {
  readonly #directory: string;
  readonly #cluster: Cluster;
  readonly #runtime: NriServer;
  readonly #driver: DriverProcess;
  #containers = 0;
  #rssSettledMiB = 0;
  #rssMostMiB = 0;

  private constructor(directory: string, parts: { cluster: Cluster; runtime: NriServer; driver: DriverProcess }) {
    this.#directory = directory;
    this.#cluster = parts.cluster;
    this.#runtime = parts.runtime;
    this.#driver = parts.driver;
  }

  /** Starts everything, with claims prepared, every page rendered once and the hooks warm. */
  static async start(): Promise<BesiegedDriver> {
    const directory = await mkdtemp(join(tmpdir(), 'siege-'));
    const [kubeconfig, nriSocket] = [join(directory, 'kubeconfig'), join(directory, 'nri.sock')];
    const [hostRoot, cdiDirectory] = [join(directory, 'host'), join(directory, 'cdi')];
    await mkdir(cdiDirectory);
    writeMachine(hostRoot, parseSynthetic(MACHINE));
    const cluster = await Cluster.start(kubeconfig);
    const runtime = createRuntime(nriSocket);
    await runtime.start();
    const { nodeName } = cluster;
    const env = { HOST_ROOT: hostRoot };
    const driver = new DriverProcess({ nodeName, directory, kubeconfig, nriSocket, cdiDirectory, env });
    const besieged = new BesiegedDriver(directory, { cluster, runtime, driver });
    try {
      await driver.start();
      await besieged.#settle();
    } catch (error) {
      await besieged.stop();
      throw error;
    }
    return besieged;
  }

  get port(): number {
    return this.#driver.port;
  }
  get pid(): number {
    return this.#driver.pid;
  }

  /** The most memory that was seen, beyond that of the settled driver. */
  get rssGrowthMiB(): number {
    return this.#rssMostMiB - this.#rssSettledMiB;
  }

  /** Attacks the driver for a while, in a process of its own, and judges from outside. */
  async withstand(attack: string, { seed, seconds }: { seed: number; seconds: number }): Promise<SiegeReport> {
    const script = join(import.meta.dirname, 'attacker.ts');
    const attacker = spawn(process.execPath, [script, attack, `${this.port}`, `${seed}`]);
    // Pods have CPU shares of their own: an attacker is not to take the driver's, only its time.
    setPriority(attacker.pid ?? 0, ATTACKER_NICENESS);
    let complaint = '';
    attacker.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    try {
      await sleep(ATTACK_START_MS);
      const report = await this.#measure(seconds * 1_000);
      if (attacker.exitCode !== null) throw new RangeError(`the attacker ended: ${complaint}`);
      return report;
    } finally {
      const ended = once(attacker, 'exit');
      if (attacker.kill('SIGKILL')) await ended;
    }
  }

  /** What the figures are without an attack. */
  async rest(seconds: number): Promise<SiegeReport> {
    return this.#measure(seconds * 1_000);
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    await this.#driver.end('SIGKILL');
    await this.#runtime.stop();
    await this.#cluster.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #settle(): Promise<void> {
    const devices = await eventually('devices published', () => {
      const published = this.#cluster.devices;
      return published.length > 0 && published;
    });
    for (let index = 0; index < CLAIMS; index += 1) {
      const device = devices[index % devices.length]?.name ?? '';
      const claim = this.#cluster.allocate(`claim-${index}`, { cpus: CLAIM_CPUS, podUid: `pod-${index}`, device });
      const { error } = await this.#driver.prepare(claim);
      if (error !== '') throw new RangeError(error);
    }
    for (const path of ['/metrics', '/topology', '/topology.json', '/topology.json?machine=no']) {
      const answer = await fetch(`http://127.0.0.1:${this.port}${path}`);
      if (!answer.ok) throw new RangeError(`${path}: ${answer.status}`);
      await answer.text();
    }
    for (let round = 0; round < 300; round += 1) await this.#hook();
    this.#rssSettledMiB = await this.#readRssMiB();
  }

  /** Milliseconds of one CreateContainer hook, as the runtime waits for it; infinite once it has dropped the driver. */
  async #hook(): Promise<number> {
    this.#containers += 1;
    const id = `${this.#containers}`.padStart(64, 'c');
    const pod = newMessage(PodSandbox, {
      id: 'sandbox',
      name: 'web',
      uid: `uid-${this.#containers}`,
      namespace: 'shop',
    });
    const container = newMessage(Container, { id, podSandboxId: 'sandbox', name: 'main', env: ['A=b'] });
    const startMs = performance.now();
    await this.#runtime.createContainer(pod, container);
    const spanMs = performance.now() - startMs;
    await this.#runtime.stopContainer(pod, container);
    return this.#runtime.plugins.length === 0 ? Infinity : spanMs;
  }

  async #measure(durationMs: number): Promise<SiegeReport> {
    const endMs = performance.now() + durationMs;
    const hooks: number[] = [];
    const probes: (number | undefined)[] = [];
    const repeat = async (intervalMs: number, act: () => Promise<void>) => {
      while (performance.now() < endMs) {
        await act();
        await sleep(intervalMs);
      }
    };
    await Promise.all([
      repeat(HOOK_INTERVAL_MS, async () => void hooks.push(await this.#hook())),
      repeat(PROBE_INTERVAL_MS, async () => {
        const path = probes.length % 2 === 0 ? '/livez' : '/healthz';
        probes.push(await probe(this.port, path));
      }),
      repeat(RSS_INTERVAL_MS, async () => {
        this.#rssMostMiB = Math.max(this.#rssMostMiB, await this.#readRssMiB());
      }),
    ]);
    hooks.sort((a, b) => a - b);
    const at = (share: number) => hooks[Math.min(hooks.length - 1, Math.floor(hooks.length * share))] ?? Infinity;
    return {
      hooks: hooks.length,
      hookP50Ms: at(0.5),
      hookP99Ms: at(0.99),
      hookMaxMs: at(1),
      probes: probes.length,
      probesFailed: probes.filter((span) => span === undefined).length,
      probeMaxMs: Math.max(...probes.map((span) => span ?? PROBE_TIMEOUT_MS)),
      rssGrowthMiB: this.rssGrowthMiB,
    };
  }

  async #readRssMiB(): Promise<number> {
    const status = await readFile(`/proc/${this.#driver.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }
}
