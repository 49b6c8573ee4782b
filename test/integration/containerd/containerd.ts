import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../../../src/lib/testing/eventually.ts';
import { SLOWNESS } from '../slowness.ts';
import type { RuntimeBinaries } from './debian-packages.ts';
import { buildImage, SANDBOX_IMAGE } from './image.ts';
import { run } from './run.ts';

/** A containerd that is slow to be ready on a loaded machine, in milliseconds. */
const READY_MS = 30_000 * SLOWNESS;

function configText(directory: string, binaries: RuntimeBinaries, snapshotter: string): string {
  const cri = "plugins.'io.containerd.cri.v1";
  return `
version = 3
root = '${directory}/root'
state = '${directory}/state'
temp = '${directory}/tmp'
required_plugins = ['io.containerd.grpc.v1.cri', 'io.containerd.nri.v1.nri']
[grpc]
address = '${directory}/containerd.sock'
[debug]
level = 'info'
[${cri}.images']
snapshotter = '${snapshotter}'
[${cri}.images'.pinned_images]
sandbox = '${SANDBOX_IMAGE}'
[${cri}.runtime']
disable_apparmor = true
# A root without CAP_SYS_RESOURCE may not lower the score of a sandbox.
restrict_oom_score_adj = true
enable_unprivileged_ports = false
enable_unprivileged_icmp = false
netns_mounts_under_state_dir = true
enable_cdi = true
cdi_spec_dirs = ['${directory}/cdi']
[${cri}.runtime'.cni]
bin_dirs = ['${directory}/cni/bin']
conf_dir = '${directory}/cni/conf'
[${cri}.runtime'.containerd]
default_runtime_name = 'runc'
[${cri}.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
runtime_path = '${binaries.directory}/containerd-shim-runc-v2'
[${cri}.runtime'.containerd.runtimes.runc.options]
BinaryName = '${binaries.runc}'
Root = '${directory}/state/runc'
SystemdCgroup = false
[plugins.'io.containerd.image-verifier.v1.bindir']
bin_dir = '${directory}/opt/image-verifier'
[plugins.'io.containerd.internal.v1.opt']
path = '${directory}/opt'
[plugins.'io.containerd.nri.v1.nri']
disable = false
disable_connections = false
socket_path = '${directory}/nri.sock'
plugin_path = '${directory}/nri/plugins'
plugin_config_path = '${directory}/nri/conf.d'
plugin_registration_timeout = '${5 * SLOWNESS}s'
plugin_request_timeout = '${2 * SLOWNESS}s'
`;
}

/** Overlays cannot stand on some file systems, for instance on an overlay. */
async function chooseSnapshotter(directory: string): Promise<string> {
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) =>
    join(directory, 'probe', name),
  );
  for (const path of [lower, upper, work, merged]) await mkdir(path ?? '', { recursive: true });
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  const works = await run('mount', ['-t', 'overlay', 'overlay', '-o', options, merged ?? '']).then(
    () => true,
    () => false,
  );
  if (works) await run('umount', [merged ?? '']);
  return works ? 'overlayfs' : 'native';
}

/** Every process of which the command line has a text. */
async function findProcesses(text: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: number[] = [];
  for (const pid of pids) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (commandLine.replaceAll('\0', ' ').includes(text)) found.push(pid);
  }
  return found;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** A containerd of its own in one directory: sockets, state, CDI files, cgroups. */
export class Containerd {
  readonly directory: string;
  /** Parent of the cgroups of all its pods. */
  readonly cgroupParent: string;
  readonly #binaries: RuntimeBinaries;
  #process: ChildProcess | undefined;

  constructor(directory: string, binaries: RuntimeBinaries) {
    this.directory = directory;
    this.cgroupParent = `/dracpu-test-${process.pid}`;
    this.#binaries = binaries;
  }

  get criSocket(): string {
    return join(this.directory, 'containerd.sock');
  }

  get nriSocket(): string {
    return join(this.directory, 'nri.sock');
  }

  get cdiDirectory(): string {
    return join(this.directory, 'cdi');
  }

  /** The end of its log, for reports of failures. */
  async readLog(): Promise<string> {
    return (await readFile(join(this.directory, 'containerd.log'), 'utf8')).slice(-4000);
  }

  /** Makes its directory and starts it with the image it needs. */
  async create(): Promise<void> {
    for (const path of ['root', 'state', 'tmp', 'cdi', 'nri/plugins', 'nri/conf.d', 'cni/bin', 'cni/conf', 'opt']) {
      await mkdir(join(this.directory, path), { recursive: true });
    }
    const snapshotter = await chooseSnapshotter(this.directory);
    await writeFile(join(this.directory, 'config.toml'), configText(this.directory, this.#binaries, snapshotter));
    await this.start();
    const image = await buildImage(this.directory, this.#binaries.busybox);
    await this.#ctr(['-n', 'k8s.io', 'images', 'import', '--local', '--snapshotter', snapshotter, image]);
  }

  async start(): Promise<void> {
    const log = openSync(join(this.directory, 'containerd.log'), 'a');
    this.#process = spawn(join(this.#binaries.directory, 'containerd'), ['-c', join(this.directory, 'config.toml')], {
      stdio: ['ignore', log, log],
      env: { ...process.env, PATH: `${this.#binaries.directory}:${process.env.PATH}` },
    });
    closeSync(log);
    const answers = () =>
      this.#ctr(['version']).then(
        () => true,
        () => false,
      );
    await eventually('containerd answers', answers, READY_MS);
  }

  /** Ends containerd alone; containers run on. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const ending = this.#process;
    this.#process = undefined;
    if (!ending || ending.exitCode !== null) return;
    const exited = once(ending, 'exit');
    ending.kill(signal);
    await exited;
  }

  /** Ends everything and leaves nothing behind. */
  async destroy(): Promise<void> {
    await this.end('SIGKILL');
    for (const shim of await findProcesses(`-address ${this.criSocket}`)) {
      const children = await readFile(`/proc/${shim}/task/${shim}/children`, 'utf8').catch(() => '');
      for (const child of children.split(' ').filter(Boolean)) kill(Number(child));
      kill(shim);
    }
    await this.#removeShimSockets();
    await this.#unmountAll();
    await this.#removeCgroups();
    await eventually('its directory removed', () =>
      rm(this.directory, { recursive: true, force: true }).then(
        () => true,
        () => false,
      ),
    );
  }

  #ctr(args: readonly string[]) {
    return run(join(this.#binaries.directory, 'ctr'), ['-a', this.criSocket, ...args], { timeout: READY_MS });
  }

  /** containerd puts these elsewhere, under the hash of what they are for. */
  async #removeShimSockets(): Promise<void> {
    const tasks = join(this.directory, 'state/io.containerd.runtime.v2.task/k8s.io');
    for (const id of await readdir(tasks).catch(() => [])) {
      const name = createHash('sha256').update(`${this.criSocket}/k8s.io/${id}`).digest('hex');
      await rm(`/run/containerd/s/${name}`, { force: true });
    }
  }

  async #unmountAll(): Promise<void> {
    const mounts = await readFile('/proc/self/mountinfo', 'utf8');
    const points = mounts.split('\n').flatMap((line) => line.split(' ')[4] ?? []);
    for (const point of points.filter((path) => path.startsWith(`${this.directory}/`)).reverse()) {
      await run('umount', ['-l', point]).catch(() => undefined);
    }
  }

  async #removeCgroups(): Promise<void> {
    const mounts = ['', ...(await readdir('/sys/fs/cgroup').catch(() => []))];
    for (const mount of mounts) {
      const top = join('/sys/fs/cgroup', mount, this.cgroupParent);
      const below = await readdir(top, { recursive: true, withFileTypes: true }).catch(() => []);
      const folders = below.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
      for (const folder of [top, ...folders].sort((a, b) => b.length - a.length))
        await rmdir(folder).catch(() => undefined);
    }
  }
}
