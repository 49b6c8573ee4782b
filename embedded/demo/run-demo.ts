import { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../src/cpuset/parse.ts';
import { readTopology } from '../../src/sysfs/read-topology.ts';
import type { ResourceSlice } from '../../src/resource-api/objects.ts';
import { LocalCluster, waitFor } from '../cluster/local-cluster.ts';
import type { Program } from '../cluster/node-process.ts';
import { type ClusterState, readClusterState, readPreparedClaims } from './cluster-state.ts';
import { deviceClass, pod, resourceClaim, resourceClaimTemplate } from './demo-objects.ts';
import { type DemoPlan, planDemo } from './demo-plan.ts';
import type { DemoReport } from './demo-report.ts';

/** How the demo is run. */
export interface DemoOptions {
  readonly program: Program;
  /** A machine to show instead of this one. */
  readonly topology?: string;
  readonly report: DemoReport;
  /** Ends the demo early. */
  readonly stop: AbortSignal;
  /** Called at the end while everything still runs; what it returns is waited for. */
  readonly onEnd?: (cluster: LocalCluster) => Promise<void>;
}

/** The kubelet's waits, shortened: nobody wants to watch it retry. */
const NODE_ARGS = ['--timing', 'podResyncMs=300,containerRetryMs=300'];

function attributeText(device: NonNullable<ResourceSlice['spec']['devices']>[number], name: string): string {
  const { int, string, bool } = device.attributes?.[name] ?? {};
  return String(int ?? string ?? bool ?? '');
}

/** The demo's story on one cluster, told in order. */
class Demo {
  readonly #cluster: LocalCluster;
  readonly #report: DemoReport;
  readonly #usable: CpuSet;
  readonly #plan: DemoPlan;

  constructor(cluster: LocalCluster, report: DemoReport) {
    const { hostRoot, cpus } = cluster.node.ready;
    this.#cluster = cluster;
    this.#report = report;
    this.#usable = parseCpuList(cpus);
    this.#plan = planDemo(readTopology({ hostRoot, pcieRoots: false }), this.#usable);
  }

  async run(stop: AbortSignal): Promise<void> {
    for (const skip of this.#plan.skips) this.#report.note(`skipped ${skip}`);
    const steps = [
      () => this.#startDriver(),
      () => this.#showSlices(),
      () => this.#runPods(),
      () => this.#refuseLastCpu(),
      () => this.#deletePod(),
      () => this.#killDriver(),
    ];
    for (const step of steps) {
      if (stop.aborted) return;
      await step();
    }
  }

  /** Ends every pod; nothing may be left over. */
  async cleanUp(): Promise<void> {
    const { api } = this.#cluster;
    this.#report.step('deleting all pods and claims');
    for (const { metadata } of await api.list('pods')) await this.#cluster.deletePod(metadata.name);
    for (const { metadata } of await api.list('resourceclaims')) await api.delete('resourceclaims', metadata.name);
    const left = await readPreparedClaims(this.#cluster.node.ready.cdiDirectory);
    this.#report.check(
      'every CPU was given back',
      left.length === 0,
      left.map(({ name }) => name).join(', ') || undefined,
    );
  }

  #readState(): Promise<ClusterState> {
    return readClusterState(this.#cluster, this.#usable);
  }

  /** The state once every container is where it is meant to be, or as it is after a long wait. */
  #waitUntilPlaced(): Promise<ClusterState> {
    return waitFor('every container to be placed', async () => {
      const state = await this.#readState();
      return state.containers.every(({ wanted, actual }) => wanted.equals(actual)) && state;
    }).catch(() => this.#readState());
  }

  async #startDriver(): Promise<void> {
    this.#report.step('starting the driver, a process of its own');
    const milliseconds = await this.#cluster.startDriver();
    this.#report.check('the driver registers with the kubelet', true, `${Math.round(milliseconds)} ms after its start`);
  }

  async #showSlices(): Promise<void> {
    this.#report.step('the ResourceSlices it published');
    const slices = await this.#cluster.api.list('resourceslices');
    const devices = slices.flatMap(({ spec }) => spec.devices ?? []);
    const cpusOf = (device: (typeof devices)[number]) => Number(device.capacity?.['dra.cpu/cpu']?.value ?? 0);
    const rows = devices.map((device) => {
      const names = ['dra.cpu/numaNodeID', 'dra.cpu/socketID', 'dra.cpu/smtEnabled'];
      return [device.name, `${cpusOf(device)}`, ...names.map((name) => attributeText(device, name))];
    });
    this.#report.table(['DEVICE', 'CPUS', 'NUMA NODE', 'SOCKET', 'SMT'], rows);
    const offered = devices.reduce((sum, device) => sum + cpusOf(device), 0);
    this.#report.check(
      'the slices offer every CPU',
      offered === this.#usable.size,
      `${offered} of ${this.#usable.size}`,
    );
  }

  async #runPods(): Promise<void> {
    const { api } = this.#cluster;
    const { db, cache } = this.#plan;
    const wanted = [db && `db with a claim for ${db}`, cache && `cache with a claim for ${cache} from a template`];
    const words = ['web without a claim', ...wanted.filter((text) => text !== undefined)].join(', ');
    this.#report.step(`creating pods: ${words}`);
    await api.create('deviceclasses', deviceClass());
    await api.create('pods', pod('web'));
    await this.#cluster.waitForContainer('web');
    if (db) {
      await api.create('resourceclaims', resourceClaim('db', db));
      await api.create('pods', pod('db', { resourceClaimName: 'db' }));
      await this.#cluster.waitForContainer('db');
    }
    if (cache) {
      await api.create('resourceclaimtemplates', resourceClaimTemplate('cache', cache));
      await api.create('pods', pod('cache', { resourceClaimTemplateName: 'cache' }));
      await this.#cluster.waitForContainer('cache');
    }
    const state = await this.#readState();
    this.#report.placement(state, '');
    const sizes = state.claims.map(({ cpus }) => cpus.size).sort((a, b) => a - b);
    const asked = [db ?? 0, cache ?? 0].filter((cpus) => cpus > 0).sort((a, b) => a - b);
    this.#report.check(
      'every claim has as many CPUs as it asked for',
      String(sizes) === String(asked),
      sizes.join(' and ') || 'no claims',
    );
    this.#checkDisjoint(state);
  }

  #checkDisjoint({ claims, shared }: ClusterState): void {
    const sets = [...claims.map(({ cpus }) => cpus), shared];
    const total = sets.reduce((sum, cpus) => sum + cpus.size, 0);
    const isDisjoint = total === CpuSet.unionOf(sets).size;
    this.#report.check('no CPU is given twice, and none is lost', isDisjoint && total === this.#usable.size);
  }

  async #refuseLastCpu(): Promise<void> {
    const { greedy } = this.#plan;
    if (greedy === undefined) return;
    const { api } = this.#cluster;
    this.#report.step(`creating pod greedy with a claim for all CPUs that are left (${greedy})`);
    await api.create('resourceclaims', resourceClaim('greedy', greedy));
    await api.create('pods', pod('greedy', { resourceClaimName: 'greedy' }));
    const event = await waitFor('pod greedy to be refused', async () =>
      (await api.list('events')).find(
        ({ involvedObject, type }) => involvedObject.name === 'greedy' && type === 'Warning',
      ),
    );
    this.#report.note(event.message ?? '');
    const { containers, shared } = await this.#readState();
    const web = containers.find((each) => each.pod === 'web');
    const isKept = web !== undefined && !shared.isEmpty && web.actual.equals(shared);
    this.#report.check('containers without a claim keep their last CPUs', isKept, web && String(web.actual));
    await this.#cluster.deletePod('greedy');
    await api.delete('resourceclaims', 'greedy');
  }

  async #deletePod(): Promise<void> {
    const { db } = this.#plan;
    if (!db) return;
    const before = await this.#readState();
    this.#report.step('deleting pod db');
    await this.#cluster.deletePod('db');
    await this.#cluster.api.delete('resourceclaims', 'db');
    const after = await waitFor('the shared pool to widen', async () => {
      const state = await this.#readState();
      const web = state.containers.find((each) => each.pod === 'web');
      return web?.actual.equals(state.shared) && state.shared.size === before.shared.size + db && state;
    }).catch(() => this.#readState());
    this.#report.placement(after, ', after db was deleted');
    const isWider = after.shared.size === before.shared.size + db;
    this.#report.check('web runs on the CPUs of db as well', isWider, `${before.shared} became ${after.shared}`);
  }

  /** The driver dies between Prepare and the creation of the container, with other containers running. */
  async #killDriver(): Promise<void> {
    const { db } = this.#plan;
    if (!db) return;
    const { api, node } = this.#cluster;
    this.#report.step(
      `creating pod late with a claim for ${db}; its image takes long, so that only the claim is prepared`,
    );
    await node.call({ do: 'withholdImages' });
    const { metadata } = await api.create('resourceclaims', resourceClaim('late', db));
    await api.create('pods', pod('late', { resourceClaimName: 'late' }));
    const prepared = await waitFor('claim late to be prepared', async () =>
      (await readPreparedClaims(node.ready.cdiDirectory)).find(({ uid }) => uid === metadata.uid),
    );
    await this.#cluster.waitForSandbox('late');
    const before = await this.#waitUntilPlaced();
    this.#report.note(`claim late is prepared with CPUs ${prepared.cpus}; killing the driver (SIGKILL)`);
    await this.#cluster.driver?.kill();
    const orphaned = await this.#readState();
    const text = ({ containers }: ClusterState) => containers.map((each) => `${each.pod} ${each.actual}`).join(', ');
    this.#report.check(
      'containers stay on their CPUs without the driver',
      text(orphaned) === text(before),
      text(orphaned),
    );
    this.#report.step('starting the driver again');
    const milliseconds = await this.#cluster.startDriver();
    this.#report.check('the driver registers again', true, `${Math.round(milliseconds)} ms after its start`);
    await node.call({ do: 'deliverImages' });
    const late = await this.#cluster.waitForContainer('late');
    const isSame = late.actual === String(prepared.cpus);
    this.#report.check('late gets the CPUs that were prepared before the kill', isSame, `${late.actual}`);
    const after = await this.#waitUntilPlaced();
    this.#report.placement(after, ', after the driver was killed and started again');
    const moved = before.containers.filter((old) => {
      return (
        old.claim !== undefined &&
        !after.containers.some((each) => each.pod === old.pod && each.actual.equals(old.actual))
      );
    });
    this.#report.check('no container with a claim was moved', moved.length === 0);
    this.#checkDisjoint(after);
  }
}

/**
 * Shows the main job: an embedded node and the real driver as separate processes, claims of example pods becoming CPUs of
 * real processes. Leaves nothing behind.
 */
export async function runDemo({ program, topology, report, stop, onEnd }: DemoOptions): Promise<void> {
  report.step(
    `starting the embedded node${topology === undefined ? ' on this machine' : `, the machine is ${topology}`}`,
  );
  const nodeArgs = [...NODE_ARGS, ...(topology === undefined ? [] : ['--topology', topology])];
  const cluster = await LocalCluster.start({ program, nodeArgs });
  try {
    const { server, cpus, launcher } = cluster.node.ready;
    report.note(`API server ${server}, CPUs ${cpus}, containers pinned by: ${launcher}`);
    const demo = new Demo(cluster, report);
    await demo.run(stop);
    if (onEnd && !stop.aborted) await onEnd(cluster);
    if (!stop.aborted) await demo.cleanUp();
  } finally {
    await cluster.stop();
  }
}
