import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findGuestImage, type GuestImage } from './guest-image.ts';

/** The hardware to emulate. */
export interface MachineSpec {
  /** Value of QEMU's `-smp`. */
  readonly smp: string;
  /** The CPUs of each NUMA node as QEMU ranges, several parted by spaces; "" for a node of memory only. */
  readonly nodes: readonly string[];
  readonly memoryMiBPerNode: number;
  /** Distances that are not 20, both ways. */
  readonly distances?: readonly (readonly [from: number, to: number, distance: number])[];
  /** Nodes that have a PCIe root of their own. */
  readonly pcieRootNodes?: readonly number[];
  /** An existing tap interface of the host that is the other end of the machine's eth0. */
  readonly tap?: string;
  /** More for the kernel's command line, e.g. `isolcpus=2-3`. */
  readonly kernelArguments?: string;
  /** Directories of the host that scripts use, beside the checkout and Node.js, wherever they are. */
  readonly directories?: readonly string[];
}

/** Two sockets of two dies of four cores of two threads, a NUMA node and a PCIe root for each die. */
export const TWO_SOCKETS_FOUR_NODES: MachineSpec = {
  smp: '32,sockets=2,dies=2,cores=4,threads=2',
  nodes: ['0-7', '8-15', '16-23', '24-31'],
  memoryMiBPerNode: 512,
  distances: [
    [0, 1, 12],
    [2, 3, 12],
    [0, 2, 32],
    [0, 3, 32],
    [1, 2, 32],
    [1, 3, 32],
  ],
  pcieRootNodes: [0, 1, 2, 3],
};

/** How a script in the machine ended. */
export interface ScriptResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The emulation is some ten times slower than the host, which may be busy too. */
const BOOT_TIMEOUT_MS = 300_000;
const SCRIPT_TIMEOUT_MS = 240_000;
const CONNECT_INTERVAL_MS = 100;

/** A CPU model whose dies, threads and level 3 caches are right under emulation. */
const CPU_MODEL = 'Skylake-Server';

/** What makes the kernel start faster under emulation. */
const FAST_BOOT =
  'console=ttyS0 panic=-1 quiet tsc=reliable lpj=8000000 no_timer_check mitigations=off nowatchdog nokaslr audit=0 apparmor=0 ' +
  'rcupdate.rcu_expedited=1 numa_balancing=disable';

function describeNodes({ nodes, memoryMiBPerNode, distances = [] }: MachineSpec): string[] {
  return [
    ...nodes.flatMap((cpus, node) => {
      const ranges = cpus === '' ? [] : cpus.split(' ').map((range) => `,cpus=${range}`);
      return [
        '-object',
        `memory-backend-ram,id=mem${node},size=${memoryMiBPerNode}M`,
        '-numa',
        `node,nodeid=${node}${ranges.join('')},memdev=mem${node}`,
      ];
    }),
    ...distances.flatMap(([src, dst, val]) => ['-numa', `dist,src=${src},dst=${dst},val=${val}`]),
  ];
}

/** An expander bridge for each node, with one device behind a port of its own. Buses are 32 apart. */
function describePcieRoots({ pcieRootNodes = [] }: MachineSpec): string[] {
  return pcieRootNodes.flatMap((node, i) =>
    [
      ['-device', `pxb-pcie,id=pxb${node},bus_nr=${32 * (i + 1)},bus=pcie.0,numa_node=${node}`],
      ['-device', `pcie-root-port,id=port${node},bus=pxb${node},chassis=${i + 1},slot=${i}`],
      ['-device', `virtio-rng-pci,bus=port${node}`],
    ].flat(),
  );
}

function describeNetwork({ tap }: MachineSpec): string[] {
  if (tap === undefined) return [];
  const netdev = `tap,id=net,ifname=${tap},script=no,downscript=no`;
  return ['-netdev', netdev, '-device', 'virtio-net-pci,netdev=net,romfile='];
}

function shareFolder(tag: string, path: string, isReadOnly: boolean): string[] {
  return [
    '-fsdev',
    `local,id=${tag},path=${path},security_model=none,multidevs=remap${isReadOnly ? ',readonly=on' : ''}`,
    '-device',
    `virtio-9p-pci,bus=pcie.0,fsdev=${tag},mount_tag=${tag}`,
  ];
}

function describeMachine(spec: MachineSpec, { kernel, initramfs }: GuestImage, folder: string): string[] {
  return [
    ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    // One emulating thread is faster than one a CPU where the host has few.
    ['-machine', 'q35,usb=off', '-accel', 'tcg,thread=single', '-cpu', CPU_MODEL, '-smp', spec.smp],
    ['-m', `${spec.memoryMiBPerNode * spec.nodes.length}M`],
    describeNodes(spec),
    describePcieRoots(spec),
    describeNetwork(spec),
    ['-kernel', kernel, '-initrd', initramfs, '-append', `${FAST_BOOT} ${spec.kernelArguments ?? ''}`],
    ['-chardev', `file,id=console,path=${join(folder, 'console')}`, '-serial', 'chardev:console'],
    ['-chardev', `socket,id=jobs,path=${join(folder, 'jobs')},server=on,wait=off`, '-serial', 'chardev:jobs'],
    shareFolder('hostroot', '/', true),
    shareFolder('share', folder, false),
  ].flat();
}

/**
 * The directories that must be seen in the machine: their real paths first, then those that are symbolic links to them.
 * @throws Error for one that does not exist.
 */
async function listDirectories({ directories = [] }: MachineSpec): Promise<string> {
  const checkout = join(import.meta.dirname, '../../..');
  const named = [checkout, dirname(process.execPath), ...directories];
  const real = await Promise.all(named.map((path) => realpath(path)));
  return [...new Set([...real, ...named])].map((path) => `${path}\n`).join('');
}

/**
 * A Linux machine under QEMU's software emulation. Its root is the host's, read-only, under a layer in memory: every program of
 * the host is there at the same path, and what is written is lost at the end. /run and /dev are the machine's own, but for the
 * directories that are asked for. `folder` is shared both ways, in the machine as /run/share. cgroup v2 is at /sys/fs/cgroup; the network is the loopback interface alone, unless
 * asked for.
 */
export class EmulatedMachine {
  /** On the host; /run/share in the machine. */
  readonly folder: string;
  readonly #qemu: ChildProcess;
  readonly #jobs: Socket;
  readonly #waiting = new Map<string, (status: number) => void>();
  #next = 0;
  #isReady = false;

  private constructor(folder: string, qemu: ChildProcess, jobs: Socket) {
    this.folder = folder;
    this.#qemu = qemu;
    this.#jobs = jobs;
    createInterface({ input: jobs }).on('line', (line) => this.#hear(line));
  }

  /**
   * Boots a machine, in some 10 s on an idle host with two cores.
   * @throws UnavailableError where this host cannot emulate one.
   */
  static async boot(spec: MachineSpec): Promise<EmulatedMachine> {
    const image = await findGuestImage();
    const folder = await mkdtemp(join(tmpdir(), 'dracpu-machine-'));
    await copyFile(fileURLToPath(new URL('agent.sh', import.meta.url)), join(folder, 'agent.sh'));
    await writeFile(join(folder, 'visible'), await listDirectories(spec));
    const { command, args, env } = image.qemu;
    const log = openSync(join(folder, 'qemu.log'), 'w');
    const qemu = spawn(command, [...args, ...describeMachine(spec, image, folder)], {
      stdio: ['ignore', log, log],
      env,
    });
    closeSync(log);
    const jobs = await connectToJobs(folder, qemu);
    const machine = new EmulatedMachine(folder, qemu, jobs);
    try {
      await machine.#waitUntilReady();
    } catch (error) {
      await machine.stop();
      throw error;
    } finally {
      await rm(image.initramfs, { force: true });
    }
    return machine;
  }

  /** Runs a shell script as root. Several may run at once. */
  async run(script: string, { timeoutMs = SCRIPT_TIMEOUT_MS } = {}): Promise<ScriptResult> {
    const job = `job${this.#next}`;
    this.#next += 1;
    await writeFile(join(this.folder, `${job}.sh`), script);
    const ended = new Promise<number>((resolve) => this.#waiting.set(job, resolve));
    this.#jobs.write(`${job}\n`);
    const status = await Promise.race([ended, delay(timeoutMs, undefined, { ref: false })]);
    if (status === undefined)
      throw new Error(`Cannot run a script in the machine: no end after ${timeoutMs} ms: ${script}`);
    const [stdout, stderr] = await Promise.all(
      ['out', 'err'].map((kind) => readFile(join(this.folder, `${job}.${kind}`), 'utf8')),
    );
    return { status, stdout: stdout ?? '', stderr: stderr ?? '' };
  }

  /** Switches the machine off, without shutting it down. May be called twice. */
  async stop(): Promise<void> {
    this.#jobs.destroy();
    if (isRunning(this.#qemu)) {
      const ended = new Promise((resolve) => this.#qemu.once('exit', resolve));
      this.#qemu.kill('SIGKILL');
      await ended;
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  #hear(line: string): void {
    if (line === 'ready') this.#isReady = true;
    const [job = '', status] = line.split(' ');
    this.#waiting.get(job)?.(Number(status));
    this.#waiting.delete(job);
  }

  async #waitUntilReady(): Promise<void> {
    const deadline = performance.now() + BOOT_TIMEOUT_MS;
    while (!this.#isReady) {
      if (!isRunning(this.#qemu) || performance.now() > deadline) {
        throw new Error(`Cannot boot the machine: ${await describeFailure(this.#qemu, this.folder)}`);
      }
      await delay(CONNECT_INTERVAL_MS);
    }
  }
}

const isRunning = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null;

/** The ends of what QEMU and the guest's kernel said. */
async function describeFailure(qemu: ChildProcess, folder: string): Promise<string> {
  const texts = ['qemu.log', 'console'].map((name) => readFile(join(folder, name), 'utf8').catch(() => ''));
  const state = isRunning(qemu)
    ? `not ready after ${BOOT_TIMEOUT_MS} ms`
    : `QEMU ended with ${qemu.exitCode ?? qemu.signalCode}`;
  return [state, ...(await Promise.all(texts)).map((text) => text.slice(-1_500))].join('\n');
}

/** Connects to the socket for jobs, which QEMU makes soon after its start. */
async function connectToJobs(folder: string, qemu: ChildProcess): Promise<Socket> {
  for (;;) {
    const socket = connect(join(folder, 'jobs'));
    const isConnected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (isConnected) return socket;
    if (!isRunning(qemu)) throw new Error(`Cannot boot the machine: ${await describeFailure(qemu, folder)}`);
    await delay(CONNECT_INTERVAL_MS);
  }
}
