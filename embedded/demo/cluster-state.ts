import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseClaimSpec, parseSpecFileName } from '../../src/records/cdi-spec.ts';
import { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../src/cpuset/parse.ts';
import type { Pod } from '../../src/resource-api/core-objects.ts';
import type { LocalCluster } from '../cluster/local-cluster.ts';

/** A prepared claim as its CDI file has it. */
export interface PreparedClaim {
  readonly uid: string;
  readonly name: string;
  readonly cpus: CpuSet;
}

/** A running container: where it is meant to run, and where it does. */
export interface PlacedContainer {
  readonly pod: string;
  readonly container: string;
  /** The name of its claim; undefined when it shares what claims leave. */
  readonly claim: string | undefined;
  readonly wanted: CpuSet;
  /** What the kernel says; of a simulated container what the runtime was told. */
  readonly actual: CpuSet;
}

/** Who has which CPUs. */
export interface ClusterState {
  readonly claims: readonly PreparedClaim[];
  readonly containers: readonly PlacedContainer[];
  /** What claims leave of the usable CPUs. */
  readonly shared: CpuSet;
  /** Whether containers are entries in the books, without a kernel's word for where they run. */
  readonly isSimulated: boolean;
}

/** The claims that the driver has recorded. */
export async function readPreparedClaims(directory: string): Promise<PreparedClaim[]> {
  const claims: PreparedClaim[] = [];
  for (const fileName of await readdir(directory)) {
    const uid = parseSpecFileName(fileName);
    const text =
      uid === undefined ? undefined : await readFile(join(directory, fileName), 'utf8').catch(() => undefined);
    if (uid === undefined || text === undefined) continue;
    const { cpus, name = uid } = parseClaimSpec(text, uid);
    claims.push({ uid, name, cpus: parseCpuList(cpus) });
  }
  return claims;
}

/** The name of the claim that a pod's one container uses. */
function claimNameOf(pod: Pod | undefined): string | undefined {
  const [entry] = pod?.spec.resourceClaims ?? [];
  const status = pod?.status?.resourceClaimStatuses?.find(({ name }) => name === entry?.name);
  return entry?.resourceClaimName ?? status?.resourceClaimName;
}

/** Reads who has which CPUs now: claims from the CDI files, containers from the kernel. */
export async function readClusterState(cluster: LocalCluster, usable: CpuSet): Promise<ClusterState> {
  const claims = await readPreparedClaims(cluster.node.ready.cdiDirectory);
  const pods = new Map((await cluster.api.list('pods')).map((pod) => [pod.metadata.name, pod]));
  const shared = usable.difference(CpuSet.unionOf(claims.map(({ cpus }) => cpus)));
  const running = (await cluster.listContainers()).filter(({ state }) => state === 'running');
  const containers = running.map(({ podName, name, actual = '' }): PlacedContainer => {
    const claim = claimNameOf(pods.get(podName));
    const prepared = claims.find((each) => each.name === claim);
    const wanted = claim === undefined ? shared : (prepared?.cpus ?? CpuSet.empty);
    return { pod: podName, container: name, claim, wanted, actual: parseCpuList(actual) };
  });
  return { claims, containers, shared, isSimulated: cluster.node.ready.launcher === 'simulated' };
}
