import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UnavailableError } from '../unavailable-error.ts';
import { checkHost } from './check-host.ts';
import { run } from './run.ts';

/** Debian release that has containerd 2. */
const SUITE = 'forky';
const SUITE_PACKAGES = ['containerd', 'runc', 'libc6', 'libseccomp2', 'busybox-static'];
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** Lists and 40 MB of packages through a slow mirror, in milliseconds. */
const DOWNLOAD_MS = 120_000;

/** What the harness runs. */
export interface RuntimeBinaries {
  /** Holds containerd, containerd-shim-runc-v2 and ctr. */
  readonly directory: string;
  readonly runc: string;
  readonly busybox: string;
}

/** Where unpacked packages are kept. */
export function findCache(): string {
  return process.env.DRACPU_TEST_CACHE ?? join(tmpdir(), 'dracpu-test-cache');
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function readOptional(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

/** The mirror that the system itself uses. */
async function findMirror(): Promise<string> {
  const sources = await readOptional('/etc/apt/sources.list.d/debian.sources');
  const list = await readOptional('/etc/apt/sources.list');
  const mirror = /^URIs:\s*(\S+)/m.exec(sources)?.[1] ?? /^deb\s.*?(https?:\S+)/m.exec(list)?.[1];
  if (mirror === undefined) throw new UnavailableError('no Debian mirror in the apt sources of this system');
  return mirror;
}

/** Downloads packages with an apt that has its own state, and unpacks them; nothing is installed. */
async function unpackPackages(cache: string, suite: string, packages: readonly string[]): Promise<string> {
  const directory = join(cache, suite);
  if (await exists(directory)) return directory;
  const work = join(cache, `${suite}.part-${process.pid}`);
  const state = join(work, 'apt');
  await mkdir(join(state, 'lists/partial'), { recursive: true });
  await mkdir(join(state, 'cache/archives/partial'), { recursive: true });
  await mkdir(join(work, 'debs'), { recursive: true });
  await writeFile(join(state, 'status'), '');
  await writeFile(join(state, 'sources.list'), `deb [signed-by=${KEYRING}] ${await findMirror()} ${suite} main\n`);
  const settings = [
    `Dir::State "${state}"; Dir::State::lists "${state}/lists"; Dir::State::status "${state}/status";`,
    `Dir::Cache "${state}/cache"; Dir::Etc::sourcelist "${state}/sources.list"; Dir::Etc::sourceparts "/dev/null";`,
    'Dir::Etc::preferencesparts "/dev/null"; Acquire::Languages "none"; APT::Sandbox::User "root";',
  ];
  const configPath = join(state, 'apt.conf');
  await writeFile(configPath, settings.join('\n'));
  const apt = { env: { ...process.env, APT_CONFIG: configPath }, cwd: join(work, 'debs'), timeout: DOWNLOAD_MS };
  try {
    await run('apt-get', ['-qq', 'update'], apt);
    await run('apt-get', ['-qq', 'download', ...packages], apt);
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    const reason = String(error).replaceAll(/\s+/g, ' ').slice(0, 300);
    throw new UnavailableError(`packages of Debian ${suite} cannot be had: ${reason}`);
  }
  const root = join(work, 'root');
  for (const file of await readdir(join(work, 'debs'))) await run('dpkg', ['-x', join(work, 'debs', file), root]);
  for (const part of ['doc', 'man', 'lintian'])
    await rm(join(root, 'usr/share', part), { recursive: true, force: true });
  // Somebody else may have been faster.
  await rename(root, directory).catch(() => undefined);
  await rm(work, { recursive: true, force: true });
  return directory;
}

const starts = (binary: string) =>
  run(binary, ['--version'], { timeout: 10_000 })
    .then(() => true)
    .catch(() => false);

/** Debian's runc wants a newer libc than older systems have; a copy is then pointed at the libc unpacked beside it. */
async function findRunc(cache: string, root: string): Promise<string> {
  const packaged = join(root, 'usr/sbin/runc');
  const patched = join(cache, 'runc');
  for (const candidate of [packaged, patched]) if (await starts(candidate)) return candidate;
  const release = /^VERSION_CODENAME=(\S+)/m.exec(await readOptional('/etc/os-release'))?.[1];
  if (release === undefined) throw new UnavailableError('this system is no Debian whose release is known');
  const patchelf = join(await unpackPackages(cache, release, ['patchelf']), 'usr/bin/patchelf');
  const libraryName = (await readdir(join(root, 'usr/lib'))).find((name) => name.endsWith('-linux-gnu')) ?? '';
  const libraries = join(root, 'usr/lib', libraryName);
  const loader = (await readdir(libraries)).find((name) => /^ld-linux.*\.so/.test(name)) ?? '';
  const copy = `${patched}.part-${process.pid}`;
  await run('cp', [packaged, copy]);
  await run(patchelf, ['--set-interpreter', join(libraries, loader), '--set-rpath', libraries, copy]);
  await rename(copy, patched);
  if (!(await starts(patched))) throw new UnavailableError('runc of the packages does not run here');
  return patched;
}

/**
 * containerd 2 and runc, unpacked from Debian packages into a folder of the temporary directory that is kept for the next
 * time (DRACPU_TEST_CACHE names another). About 15 s and 40 MB at first, nothing later.
 * @throws UnavailableError with the reason why this machine cannot have them.
 */
export async function findRuntimeBinaries(): Promise<RuntimeBinaries> {
  await checkHost();
  for (const tool of ['apt-get', 'dpkg', 'tar']) {
    if (!(await starts(tool))) throw new UnavailableError(`no ${tool} on this system`);
  }
  const cache = findCache();
  await mkdir(cache, { recursive: true });
  const root = await unpackPackages(cache, SUITE, SUITE_PACKAGES);
  const runc = await findRunc(cache, root);
  return { directory: join(root, 'usr/bin'), runc, busybox: join(root, 'usr/bin/busybox') };
}
