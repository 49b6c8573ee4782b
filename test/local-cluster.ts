import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { CpuSet } from '../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../src/cpuset/parse.ts';
import type { PreparedClaim } from '../embedded/demo/cluster-state.ts';
import { readPreparedClaims } from '../embedded/demo/cluster-state.ts';
import { deviceClass, pod, resourceClaim } from '../embedded/demo/demo-objects.ts';
import { LocalCluster, type StartDriverOptions, waitFor } from '../embedded/cluster/local-cluster.ts';
import type { Program } from '../embedded/cluster/node-process.ts';

const BUNDLE = 'dist/dracpu.cjs';

/** The built program; node and driver are started from it. */
export const program: Program = [process.execPath, BUNDLE];

/** Why the stories cannot be told here, false when they can. */
export const skipReason = existsSync(BUNDLE) ? false : `${BUNDLE} is not built; run make build`;

/** A machine that is only described: 8 CPUs in one NUMA node. */
const MACHINE = 'pack:1 numa:1 core:8';

interface StoryOptions {
  /** The kubelet's waits, as of --timing. */
  readonly timing?: string;
  readonly nodeArgs?: string[];
  readonly driver?: StartDriverOptions;
}

/** An embedded node and a driver as two processes, gone when the test is. */
export async function startCluster(
  t: TestContext,
  { timing, nodeArgs = ['--topology', MACHINE], driver = {} }: StoryOptions = {},
): Promise<LocalCluster> {
  const times = timing === undefined ? [] : ['--timing', timing];
  const cluster = await LocalCluster.start({ program, nodeArgs: [...nodeArgs, ...times] });
  t.after(() => cluster.stop());
  await cluster.startDriver(driver);
  await cluster.api.create('deviceclasses', deviceClass());
  return cluster;
}

/** The same with a driver that reads a configuration file of this text. */
export async function startConfigured(
  t: TestContext,
  { config, ...options }: StoryOptions & { readonly config: string },
): Promise<LocalCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'dracpu-story-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'config.yaml');
  await writeFile(path, config);
  const { driver = {} } = options;
  return startCluster(t, { ...options, driver: { ...driver, args: [`--config=${path}`, ...(driver.args ?? [])] } });
}

/** Creates a claim and a pod of the same name that uses it; they need not be running when this returns. */
export async function createClaimedPod(
  cluster: LocalCluster,
  name: string,
  cpus: number,
  spec: object = {},
): Promise<void> {
  await cluster.api.create('resourceclaims', resourceClaim(name, cpus));
  await cluster.api.create('pods', pod(name, { resourceClaimName: name }, spec));
}

/** The CPUs of a pod's running container. */
export async function cpusOf(cluster: LocalCluster, podName: string): Promise<string> {
  return (await cluster.waitForContainer(podName)).actual ?? '';
}

/** Waits until a claim is prepared; its CPUs. */
export function waitForClaim(cluster: LocalCluster, name: string): Promise<PreparedClaim> {
  return waitFor(`claim ${name} to be prepared`, async () =>
    (await readPreparedClaims(cluster.node.ready.cdiDirectory)).find((claim) => claim.name === name),
  );
}

/** Kills the driver and starts another one. */
export async function replaceDriver(cluster: LocalCluster): Promise<void> {
  await cluster.driver?.kill();
  await cluster.startDriver();
}

/** Whether no CPU is in two of the lists. */
export function areDisjoint(...lists: string[]): boolean {
  const sets = lists.map((list) => parseCpuList(list));
  return sets.reduce((sum, set) => sum + set.size, 0) === CpuSet.unionOf(sets).size;
}
