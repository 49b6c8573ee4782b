import { execFile } from 'node:child_process';
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { arch, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { type CpioFile, packCpio } from './cpio.ts';
import { UnavailableError } from '../unavailable-error.ts';

const run = promisify(execFile);

/** What an emulated machine is started from. */
export interface GuestImage {
  readonly kernel: string;
  readonly initramfs: string;
  /** QEMU and what its command line starts with. */
  readonly qemu: { readonly command: string; readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv };
}

/** 130 MB of packages through a slow mirror. */
const DOWNLOAD_TIMEOUT_MS = 240_000;

/** Modules for the host's files, and for networks of the guest and of pods in it; what they depend on comes with them. */
const MODULES = ['virtio_pci', '9p', '9pnet_virtio', 'overlay', 'virtio_rng', 'virtio_net', 'bridge', 'veth'];

/** What of the kernel package is unpacked: it has 400 MB of drivers for machines that are not emulated. */
const KERNEL_FILES = [
  './boot/vmlinuz-*',
  '*/kernel/net/9p/*',
  '*/kernel/fs/9p/*',
  '*/kernel/fs/netfs/*',
  '*/kernel/fs/fscache/*',
  '*/kernel/fs/overlayfs/*',
  '*/kernel/drivers/virtio/*',
  '*/kernel/drivers/char/hw_random/virtio*',
  '*/kernel/drivers/net/virtio_net*',
  '*/kernel/drivers/net/net_failover*',
  '*/kernel/drivers/net/veth*',
  '*/kernel/net/core/failover*',
  '*/kernel/net/802/stp*',
  '*/kernel/net/llc/*',
  '*/kernel/net/bridge/bridge*',
];

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function runTool(tool: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await run(tool, args, { cwd, timeout: DOWNLOAD_TIMEOUT_MS, maxBuffer: 1 << 26 });
    return stdout;
  } catch (error) {
    throw new UnavailableError(`${tool} ${args.slice(0, 3).join(' ')} failed: ${String(error).slice(0, 300)}`);
  }
}

/** The names of the kernel's package and of QEMU's packages that are not installed. */
async function listPackages(work: string): Promise<string[]> {
  const depends = await runTool('apt-cache', ['depends', 'linux-image-amd64'], work);
  const kernel = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (kernel === undefined) throw new UnavailableError('apt knows no kernel; run "apt-get update" first');
  const args = ['install', '--no-install-recommends', '--print-uris', '-qq', 'qemu-system-x86'];
  const uris = await runTool('apt-get', args, work);
  const files = [...uris.matchAll(/^'[^']*' (\S+)/gm)].map(([, file = '']) => file.replace(/_.*$/, ''));
  return [...files, kernel, 'busybox-static'];
}

/** Downloads and unpacks the packages; nothing is installed. */
async function unpackPackages(root: string): Promise<void> {
  const work = `${root}.part-${process.pid}`;
  await mkdir(join(work, 'debs'), { recursive: true });
  const packages = await listPackages(work);
  await runTool('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', ...packages], join(work, 'debs'));
  for (const file of await readdir(join(work, 'debs'))) {
    const path = join(work, 'debs', file);
    if (!file.startsWith('linux-image')) await runTool('dpkg', ['-x', path, join(work, 'root')], work);
    else {
      // Not every kernel has every folder of the list, which tar takes for a failure.
      const pipe = 'dpkg --fsys-tarfile "$1" | tar -x -C "$2" --wildcards "${@:3}" || true';
      await runTool('bash', ['-c', pipe, 'unpack', path, join(work, 'root'), ...KERNEL_FILES], work);
    }
  }
  await rename(join(work, 'root'), root).catch(() => undefined);
  await rm(work, { recursive: true, force: true });
}

const moduleName = (path: string) =>
  basename(path)
    .replace(/\.ko.*$/, '')
    .replaceAll('-', '_');

/** The modules in the order in which they can be loaded, each with its code. Those built into the kernel are left out. */
async function collectModules(root: string): Promise<Map<string, Buffer>> {
  const all = await readdir(root, { recursive: true });
  const paths = new Map(
    all.filter((path) => /\.ko(\.xz)?$/.test(path)).map((path) => [moduleName(path), join(root, path)]),
  );
  const loaded = new Map<string, Buffer>();
  const add = async (name: string): Promise<void> => {
    const path = paths.get(name);
    if (path === undefined || loaded.has(name)) return;
    const code = path.endsWith('.xz')
      ? (await run('xz', ['-dc', path], { encoding: 'buffer', maxBuffer: 1 << 26 })).stdout
      : await readFile(path);
    // The section .modinfo has "depends=netfs,9pnet" (kernel/module, scripts/mod/modpost.c).
    const depends = /\0depends=([^\0]*)\0/.exec(code.toString('latin1'))?.[1] ?? '';
    for (const dependency of depends.split(',').filter((one) => one !== '')) await add(dependency.replaceAll('-', '_'));
    loaded.set(name, code);
  };
  for (const name of MODULES) await add(name);
  return loaded;
}

const DIRECTORY = 0o040755;
const PROGRAM = 0o100755;
const CHARACTER_DEVICE = 0o020600;

async function buildInitramfs(root: string): Promise<Buffer> {
  const modules = await collectModules(root);
  const directories = ['dev', 'proc', 'sys', 'bin', 'modules', 'lower', 'upper', 'root'];
  const files: CpioFile[] = [
    ...directories.map((name) => ({ name, mode: DIRECTORY })),
    { name: 'dev/console', mode: CHARACTER_DEVICE, device: { major: 5, minor: 1 } },
    { name: 'dev/null', mode: CHARACTER_DEVICE, device: { major: 1, minor: 3 } },
    { name: 'bin/busybox', mode: PROGRAM, content: await readFile(join(root, 'bin/busybox')) },
    { name: 'init', mode: PROGRAM, content: await readFile(new URL('init.sh', import.meta.url)) },
    ...[...modules].map(([name, content]) => ({ name: `modules/${name}.ko`, mode: 0o100644, content })),
    { name: 'modules/list', mode: 0o100644, content: Buffer.from([...modules.keys()].join(' ')) },
  ];
  return packCpio(files);
}

/** QEMU as installed, or unpacked. */
async function findQemu(root: string): Promise<GuestImage['qemu']> {
  const command = join(root, 'usr/bin/qemu-system-x86_64');
  if (!(await exists(command))) return { command: 'qemu-system-x86_64', args: [], env: process.env };
  const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map((path) => join(root, path));
  const env = {
    ...process.env,
    LD_LIBRARY_PATH: libraries.join(':'),
    QEMU_MODULE_DIR: join(root, 'usr/lib/x86_64-linux-gnu/qemu'),
  };
  return { command, args: ['usr/share/qemu', 'usr/share/seabios'].flatMap((path) => ['-L', join(root, path)]), env };
}

/**
 * A Debian kernel, an initramfs and QEMU, unpacked into a folder of the temporary directory that is kept for the next time
 * (DRACPU_TEST_CACHE names another). 130 MB at first, nothing later.
 * @throws UnavailableError with the reason why this machine cannot have them.
 */
export async function findGuestImage(): Promise<GuestImage> {
  if (arch() !== 'x64') throw new UnavailableError(`the emulated machine needs x86-64 packages; this is ${arch()}`);
  const cache = process.env.DRACPU_TEST_CACHE ?? join(tmpdir(), 'dracpu-test-cache');
  // Another name whenever KERNEL_FILES changes, for the folder is kept.
  const root = join(cache, 'machine-2');
  await mkdir(cache, { recursive: true });
  if (!(await exists(root))) await unpackPackages(root);
  const boot = await readdir(join(root, 'boot')).catch((): string[] => []);
  const kernel = boot.find((name) => name.startsWith('vmlinuz-'));
  if (kernel === undefined) throw new UnavailableError(`no kernel in ${root}; remove the folder to fetch it again`);
  // Written anew each time, for the scripts in it may have changed.
  const initramfs = join(cache, `machine-initramfs-${process.pid}`);
  await writeFile(initramfs, await buildInitramfs(root));
  return { kernel: join(root, 'boot', kernel), initramfs, qemu: await findQemu(root) };
}
