/** Helm for tests and manifests: the one named or installed, or one built from its Go module into the user's cache. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The version that is built where none is installed: the one that the reference pins. */
const HELM_VERSION = 'v3.20.1';
/** A build takes a minute and a half on two idle cores. */
const BUILD_TIMEOUT_MS = 15 * 60_000;

export const CHART = 'deployment/helm/dra-driver-cpu';

/** A program's path, or why there is none. */
export type Program = { readonly path: string } | { readonly missing: string };

function runs(path: string): boolean {
  return spawnSync(path, ['version'], { stdio: 'ignore' }).status === 0;
}

function buildHelm(): Program {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const directory = join(cache, 'dra-driver-cpu', `helm-${HELM_VERSION}`);
  const path = join(directory, 'helm');
  if (existsSync(path)) return { path };
  if (!runs('go')) return { missing: 'neither helm nor go, to build it, is installed' };
  process.stderr.write(`building helm ${HELM_VERSION} into ${directory} ...\n`);
  mkdirSync(directory, { recursive: true });
  const env = { ...process.env, GOBIN: directory, CGO_ENABLED: '0' };
  const build = spawnSync('go', ['install', `helm.sh/helm/v3/cmd/helm@${HELM_VERSION}`], {
    env,
    encoding: 'utf8',
    timeout: BUILD_TIMEOUT_MS,
  });
  if (build.status === 0) return { path };
  return { missing: `helm ${HELM_VERSION} could not be built: ${build.error?.message ?? build.stderr.slice(-300)}` };
}

/** The helm that `HELM` names, or that of the PATH. */
export function findInstalledHelm(): Program {
  const named = process.env.HELM ?? 'helm';
  return runs(named) ? { path: named } : { missing: `"${named}" does not run; install helm or name it with HELM` };
}

/** The installed helm, or one from the cache, which is filled where Go is installed. */
export function findHelm(): Program {
  const installed = findInstalledHelm();
  return 'path' in installed ? installed : buildHelm();
}

/** What a release is rendered from. */
export interface HelmRelease {
  readonly chart: string;
  readonly release: string;
  readonly namespace: string;
  readonly options: readonly string[];
}

/** The objects of a release as YAML text. Throws with Helm's message when it refuses the values. */
export function renderChart(helm: string, { chart, release, namespace, options }: HelmRelease): string {
  const args = ['template', release, chart, '--namespace', namespace, '--kube-version', '1.37.0', ...options];
  return execFileSync(helm, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

if (import.meta.main) {
  const helm = findHelm();
  if ('path' in helm) process.stdout.write(`${helm.path}\n`);
  else {
    process.stderr.write(`Cannot find helm: ${helm.missing}\n`);
    process.exitCode = 1;
  }
}
