import { hostname } from 'node:os';
import { type Command, Option } from 'commander';
import { RESOURCE_CLAIMS } from '../apiserver/api-object.ts';
import { ApiClient } from '../apiserver/client.ts';
import { loadConnection } from '../apiserver/connection.ts';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { errorText } from '../lib/log.ts';
import { version } from '../lib/version.ts';
import { formatTable } from '../view/text-table.ts';
import { findHolders, type Holders, type IdleClaim, type StrandedPod } from './drain/stranded-pods.ts';
import { createAttempt, DRIVER_NAME, findConfig, findDriver, listProcDirectories } from './gatherinfo/find-driver.ts';
import { NodeFiles } from './gatherinfo/node-files.ts';
import { declareCommand } from './commands.ts';
import { countOf, verbFor } from '../lib/count.ts';

/** The options of `dracpu drain`, as commander fills them in. */
interface DrainOptions {
  readonly check?: boolean;
  readonly allNodes?: boolean;
  readonly kubeconfig?: string;
  readonly output: 'text' | 'json';
}

/** What keeps the driver from being removed. */
interface DrainCheck extends Holders {
  /** Undefined when all nodes were looked at. */
  readonly node: string | undefined;
  /** Why it is not known whether these are all. */
  readonly problems: readonly string[];
}

async function listClaims(kubeconfigPath: string | undefined): Promise<readonly unknown[]> {
  const connection = await loadConnection({ kubeconfigPath, environment: process.env });
  try {
    const client = new ApiClient(connection, { userAgent: `dracpu-drain/${version}` });
    return (await client.list({ resource: RESOURCE_CLAIMS })).items;
  } finally {
    connection.close();
  }
}

/** The claims that are prepared here, as the driver's files tell; undefined where there is no folder of them. */
async function readLocalClaims({ cdiDirectory }: Config, files: NodeFiles) {
  try {
    return await files.readCdi(cdiDirectory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Asks the API server for the pods, and the node's own files for claims of which that does not know. */
async function checkDrain({ allNodes = false, kubeconfig }: DrainOptions): Promise<DrainCheck> {
  const problems: string[] = [];
  const attempt = createAttempt((part, error) => problems.push(`${part}: ${errorText(error)}`));
  const driver = await findDriver(listProcDirectories(process.env));
  const config = await findConfig(driver, { env: process.env, hostname: hostname() }, attempt);
  const readFiles = () => readLocalClaims(config, new NodeFiles(driver));
  const { allocations: local = [], unreadable = [] } =
    (allNodes ? undefined : await attempt('files of claims', readFiles)) ?? {};
  problems.push(...unreadable.map(({ file, reason }) => `${file}: ${reason}`));
  const claims = await attempt('API server', () => listClaims(kubeconfig ?? config.kubeconfig));
  const nodeName = allNodes ? undefined : config.nodeName;
  const localCpus = new Map(local.map(({ uid, cpus }) => [uid, cpus]));
  const { pods, idleClaims } = findHolders(claims ?? [], { driverName: DRIVER_NAME, nodeName, localCpus });
  const known = new Set([...pods.flatMap((pod) => pod.claims), ...idleClaims].map(({ uid }) => uid));
  const forgotten = local
    .filter(({ uid }) => !known.has(uid))
    .map(({ uid, namespace = '', name = uid, cpus }) => ({ node: config.nodeName, namespace, name, uid, cpus }));
  return { node: nodeName, pods, idleClaims: [...idleClaims, ...forgotten], problems };
}

function describeClaims({ claims }: StrandedPod): string[] {
  return [claims.map(({ name }) => name).join(', '), claims.map(({ cpus }) => cpus ?? 'not prepared').join(', ')];
}

function describeIdle({ node, namespace, name, cpus = 'not prepared' }: IdleClaim): string[] {
  return [node, namespace, '-', name, cpus];
}

function formatText({ node, pods, idleClaims, problems }: DrainCheck): string {
  const place = node === undefined ? 'in the cluster' : `on node ${node}`;
  const lines = problems.map((problem) => `Not all is known: ${problem}`);
  if (pods.length > 0) {
    lines.push(
      `${countOf(pods.length, 'pod')} ${verbFor(pods.length, 'holds', 'hold')} claims of ${DRIVER_NAME} ${place}. Without the driver ` +
        'they run on; deleted, they stay Terminating, and after a restart of the node they do not start.',
    );
  } else if (problems.length === 0) lines.push(`No pod holds a claim of ${DRIVER_NAME} ${place}.`);
  const rows = [
    ...pods.map((pod) => [pod.node, pod.namespace, pod.name, ...describeClaims(pod)]),
    ...idleClaims.map(describeIdle),
  ];
  if (rows.length > 0) lines.push(...formatTable(['NODE', 'NAMESPACE', 'POD', 'CLAIMS', 'CPUS'], rows));
  return `${lines.join('\n')}\n`;
}

function formatJson({ node, ...found }: DrainCheck): string {
  const head = { apiVersion: `${DRIVER_NAME}/v1alpha1`, kind: 'DrainCheck', ...(node !== undefined && { node }) };
  return `${JSON.stringify({ ...head, ...found })}\n`;
}

async function runDrain(options: DrainOptions, command: Command): Promise<void> {
  if (!options.check) command.error('Cannot drain: --check is missing; this command only looks', { exitCode: 2 });
  try {
    const found = await checkDrain(options);
    process.stdout.write(options.output === 'json' ? formatJson(found) : formatText(found));
    if (found.pods.length > 0 || found.problems.length > 0) process.exitCode = 1;
  } catch (error) {
    if (error instanceof ConfigError) command.error(error.message, { exitCode: 2 });
    throw error;
  }
}

/** Adds `drain`: which pods would be left without a driver before one is removed. */
export function addDrainCommand(program: Command): void {
  const drain = declareCommand(program, 'drain');
  drain
    .option('--check', 'look, and change nothing; exit code 1 when a pod holds a claim')
    .option('--all-nodes', 'of every node, not only of this one')
    .option('--kubeconfig <file>', "how to reach the API server; default: as this node's driver does")
    .addOption(new Option('-o, --output <form>', 'what to print').choices(['text', 'json']).default('text'))
    .action((options: DrainOptions) => runDrain(options, drain));
}
