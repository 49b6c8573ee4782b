import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { Environment } from '../../config/parse-config.ts';
import { errorText } from '../../lib/log.ts';
import { loadSysfsOverlay } from '../../sysfs/overlay.ts';
import { readTopology } from '../../sysfs/read-topology.ts';
import type { CpuTopology } from '../../topology/topology.ts';
import { topologyToJson } from '../../topology/topology-json.ts';
import { formatTopologyTable } from '../../view/topology-table.ts';
import { gatherCluster } from './cluster.ts';
import { readDriverPage } from './driver-http.ts';
import { listSettings } from './driver-process.ts';
import { type Attempt, createAttempt, findConfig, findDriver } from './find-driver.ts';
import { NodeFiles } from './node-files.ts';
import { redact, redactText } from './redact.ts';
import { createReport } from './report.ts';
import type { ArchiveFile } from './tar.ts';

/** The machine that is looked at. */
export interface GatherOptions {
  /** The environment of this command. */
  readonly env: Environment;
  readonly hostname: string;
  /** Where processes are looked for, the first that has a driver wins. */
  readonly procDirectories: readonly string[];
  readonly driverName: string;
}

/** All that was gathered, without secrets. */
export interface Gathered {
  /** One document with everything of interest. */
  readonly report: object;
  /** Texts in full beside it. */
  readonly files: readonly ArchiveFile[];
}

/** The driver's pages and the files they become. */
const PAGES = [
  ['/readyz', 'driver/readyz.txt'],
  ['/metrics', 'driver/metrics.txt'],
  ['/topology.json?machine=no', 'driver/cpu-map.json'],
] as const;

/** State files of the kubelet's own managers, either of which would fight the driver. */
const KUBELET_STATES = ['cpu_manager_state', 'memory_manager_state'] as const;

/** Why a part could not be gathered, without secrets. */
function describeFailure(error: unknown): string {
  const { cause } = error as Error;
  return redactText(cause instanceof Error ? `${errorText(error)} (${cause.message})` : errorText(error));
}

async function readMachine(config: Config, files: NodeFiles): Promise<CpuTopology> {
  const { hostRoot, sysfsOverlay } = config;
  const overlay = sysfsOverlay === undefined ? undefined : loadSysfsOverlay(await files.readText(sysfsOverlay));
  return readTopology({ hostRoot, pcieRoots: true, ...(overlay && { overlay }) });
}

async function gatherKubelet(config: Config, files: NodeFiles, attempt: Attempt) {
  const root = config.kubeletRootDirectory;
  const texts: ArchiveFile[] = [];
  const states: Record<string, unknown> = {};
  for (const name of KUBELET_STATES) {
    const text = await attempt(`kubelet ${name}`, () => files.readTextIfAny(join(root, name)));
    states[name] = 'absent';
    if (text === undefined) continue;
    texts.push({ name: `kubelet/${name}`, text: redactText(text) });
    states[name] = await attempt(`kubelet ${name}`, async () => redact(JSON.parse(text)));
  }
  const registrations = await attempt('plugins_registry', () => files.list(join(root, 'plugins_registry')));
  const plugins = await attempt('plugins/dra.cpu', () => files.list(join(root, 'plugins/dra.cpu')));
  return { kubelet: { ...states, pluginsRegistry: registrations, driverDirectory: plugins }, texts };
}

async function gatherPages({ bindAddress }: Config, attempt: Attempt): Promise<ArchiveFile[]> {
  const pages: ArchiveFile[] = [];
  if (!bindAddress) return pages;
  for (const [path, name] of PAGES) {
    const text = await attempt(`HTTP ${path}`, () => readDriverPage(bindAddress, path));
    if (text !== undefined) pages.push({ name, text: redactText(text) });
  }
  return pages;
}

/** The container runtime that the driver has met, as its map of the CPUs tells. */
function readRuntime(pages: readonly ArchiveFile[]): string | undefined {
  try {
    const map: unknown = JSON.parse(pages.find(({ name }) => name === 'driver/cpu-map.json')?.text ?? '{}');
    const { runtime } = map as { runtime?: unknown };
    return typeof runtime === 'string' ? runtime : undefined;
  } catch {
    // Another program answered on the driver's port; its page is in the archive.
    return undefined;
  }
}

/**
 * Gathers what is needed to understand the driver on this node. What cannot be had is listed among the report's problems; nothing
 * is changed anywhere.
 */
export async function gatherInfo(options: GatherOptions): Promise<Gathered> {
  const problems: { part: string; reason: string }[] = [];
  const attempt = createAttempt((part, error) => problems.push({ part, reason: describeFailure(error) }));
  const driver = await findDriver(options.procDirectories);
  if (!driver) {
    const searched = options.procDirectories.join(', ');
    problems.push({
      part: 'driver process',
      reason: `none runs (looked in ${searched}); its configuration is guessed`,
    });
  }
  const config = await findConfig(driver, options, attempt);
  const files = new NodeFiles(driver);
  const topology = await attempt('topology', () => readMachine(config, files));
  const { kubelet, texts } = await gatherKubelet(config, files, attempt);
  const cdi = await attempt('CDI files', () => files.readCdi(config.cdiDirectory));
  const socket = await attempt('NRI socket', () => files.kindOf(config.nriSocket));
  const pages = await gatherPages(config, attempt);
  const cluster = await gatherCluster(
    {
      kubeconfigPath: config.kubeconfig,
      environment: options.env,
      nodeName: config.nodeName,
      driverName: options.driverName,
    },
    attempt,
  );
  const readiness = pages
    .find(({ name }) => name === 'driver/readyz.txt')
    ?.text.trimEnd()
    .split('\n');
  const gathered = {
    nodeName: config.nodeName,
    readiness,
    allocations: cdi?.allocations,
    cdi: cdi && { directory: config.cdiDirectory, files: cdi.names, unreadable: cdi.unreadable },
    nri: { socket: config.nriSocket, is: socket ?? 'absent', runtime: readRuntime(pages) },
    kubelet,
    ...(redact(cluster) as Record<string, unknown>),
    topologyProblems: topology?.problems,
    problems,
  };
  const report = createReport(
    topology,
    redact(listSettings(config)) as Record<string, unknown>,
    dropUndefined(gathered),
  );
  const machine: ArchiveFile[] = topology
    ? [
        { name: 'topology.json', text: `${JSON.stringify(topologyToJson(topology))}\n` },
        { name: 'topology.txt', text: formatTopologyTable(topology, { allProblems: true }) },
      ]
    : [];
  return { report, files: [...machine, ...pages, ...texts, ...(cdi?.files ?? [])] };
}

/** YAML would write undefined as null. */
function dropUndefined(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(record)) as Record<string, unknown>;
}
