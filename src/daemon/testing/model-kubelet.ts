import { allocatedClaim } from '../../claims/testing/fixtures.ts';
import type { ClaimRecord } from '../../records/claim-record.ts';
import type { ClaimService } from '../../prepare/prepare.ts';
import { claimEnv } from '../../containers/testing/fixtures.ts';
import type { Machine } from '../../devices/machine.ts';
import type { ModelPod, ModelRuntime } from './model-runtime.ts';
import type { Dice } from './model-tasks.ts';

/** The node around the kubelet. */
interface KubeletNode {
  readonly dice: Dice;
  readonly machine: Machine;
  readonly files: ReadonlyMap<string, ClaimRecord>;
  readonly runtime: ModelRuntime;
  readonly driver: { readonly service: ClaimService };
}

/** A claim as the API server has it. */
export interface ClaimObject {
  readonly status: Record<string, unknown>;
  /** The same as the status has it. */
  readonly allocation: { readonly device: string; readonly cpus: number };
}

function referTo(uid: string) {
  return { uid, namespace: 'default', name: `claim-${uid}` };
}

/** Everybody who makes pods and claims: users, the scheduler, and the kubelet with its calls. */
export class ModelKubelet {
  readonly pods: ModelPod[] = [];
  /** What the API server has, by UID. */
  readonly objects = new Map<string, ClaimObject>();
  /** Claims of which the kubelet believes that the driver may hold something. */
  readonly held = new Set<string>();
  readonly #node: KubeletNode;
  #count = 0;

  constructor(node: KubeletNode) {
    this.#node = node;
  }

  /** A pod with a claim of its own, new or allocated anew, when the node has CPUs for it. */
  addClaimedPod(): void {
    const { dice, machine } = this.#node;
    const old = dice.pick([...this.held].filter((uid) => !this.#isUsed(uid)));
    const uid = old !== undefined && dice.chance(0.5) ? old : this.#newName('c');
    const device = dice.pick(machine.devices.devices);
    const cpus = 1 + dice.below(3);
    if (!device || this.objects.has(uid) || this.#allocatedOf(device.name) + cpus > device.cpus.size) return;
    this.#addPod({ claimUid: uid });
    this.#allocate(uid, device.name, cpus);
  }

  /** Another pod with a claim that a pod has. */
  addSharingPod(): void {
    const claimUid = this.#node.dice.pick(this.pods.filter(({ hasEnded }) => !hasEnded))?.claimUid;
    if (claimUid === undefined || !this.objects.has(claimUid)) return;
    this.#addPod({ claimUid });
    this.#reserve(claimUid);
  }

  /** A pod without a claim, whose spec may have the variables of claims. */
  addSharedPod(): void {
    const { dice, files } = this.#node;
    const victim = dice.pick([...files.values()]);
    const cpus = dice.pick([victim?.claim.cpus.toString() ?? '1', '0-11', '3', '', '0-']);
    const env = dice.chance(0.5) ? claimEnv(victim?.claim.uid ?? 'x', cpus ?? '') : [];
    this.#addPod({ env, namespace: dice.chance(0.5) ? 'thieves' : 'default' });
  }

  /** The kubelet asks for a pod's claim, for the first time or again. */
  async prepare(pod: ModelPod): Promise<void> {
    if (pod.claimUid === undefined || pod.isBusy || pod.hasEnded) return;
    this.held.add(pod.claimUid);
    pod.isBusy = true;
    const [outcome] = await this.#node.driver.service.prepare([referTo(pod.claimUid)]);
    pod.isBusy = false;
    pod.isPrepared = outcome !== undefined && 'devices' in outcome && outcome.devices.length > 0;
  }

  /** Creates the container of a pod, once its claim is prepared. */
  createContainer(pod: ModelPod): void {
    const { files, runtime } = this.#node;
    if (pod.hasEnded || runtime.of(pod).length > 0) return;
    if (pod.claimUid === undefined) return runtime.create(pod, pod.env);
    const file = files.get(pod.claimUid);
    // Without its file the runtime does not know the CDI device.
    if (file && pod.isPrepared) runtime.create(pod, [...claimEnv(file.claim.uid, file.claim.cpus), ...pod.env]);
  }

  /** A pod ends, and its claim perhaps at once, as of a pod that is deleted by force. */
  endPod(pod: ModelPod): void {
    if (pod.isBusy) return;
    const { runtime, dice } = this.#node;
    for (const container of runtime.of(pod)) runtime.stop(container);
    pod.hasEnded = true;
    runtime.podEnded(pod);
    if (pod.claimUid === undefined) this.#dropPods((other) => other === pod);
    else if (!this.#isUsed(pod.claimUid) && dice.chance(0.3)) this.objects.delete(pod.claimUid);
    else this.#reserve(pod.claimUid);
  }

  /** The kubelet gives a claim back that no pod uses any more. */
  async unprepare(uid: string): Promise<void> {
    const pods = this.pods.filter(({ claimUid }) => claimUid === uid);
    if (this.#isUsed(uid) || pods.some(({ isBusy }) => isBusy)) return;
    for (const pod of pods) pod.isBusy = true;
    const [outcome] = await this.#node.driver.service.unprepare([referTo(uid)]);
    for (const pod of pods) pod.isBusy = false;
    if (outcome?.error === undefined) this.forget(uid);
  }

  /** The kubelet knows nothing of a claim any more. */
  forget(uid: string): void {
    if (this.#isUsed(uid)) return;
    this.held.delete(uid);
    this.objects.delete(uid);
    this.#dropPods(({ claimUid }) => claimUid === uid);
  }

  #isUsed(uid: string): boolean {
    return this.pods.some(({ claimUid, hasEnded }) => claimUid === uid && !hasEnded);
  }

  #newName(prefix: string): string {
    this.#count += 1;
    return `${prefix}${this.#count}`;
  }

  #addPod(pod: Partial<ModelPod>): void {
    const fresh = { claimUid: undefined, env: [], namespace: 'default' };
    this.pods.push({ ...fresh, ...pod, uid: this.#newName('p'), isPrepared: false, isBusy: false, hasEnded: false });
  }

  #dropPods(matches: (pod: ModelPod) => boolean): void {
    this.pods.splice(0, this.pods.length, ...this.pods.filter((pod) => !matches(pod)));
  }

  #allocate(uid: string, device: string, cpus: number): void {
    const { dice } = this.#node;
    const claim = allocatedClaim(uid, [{ device, cpus: String(cpus), shareID: this.#newName('s') }]);
    const status = claim['status'] as { allocation: { devices: Record<string, unknown> } };
    const wishes = { sharedCPUs: dice.chance(0.3), memoryNodes: dice.chance(0.3) ? 'local' : 'any' };
    const parameters = { apiVersion: 'v1alpha1', cpuConfig: wishes };
    status.allocation.devices['config'] = [{ source: 'FromClaim', opaque: { driver: 'dra.cpu', parameters } }];
    this.objects.set(uid, { ...claim, status, allocation: { device, cpus } });
    this.#reserve(uid);
  }

  /** The CPUs that the scheduler has given away of a device. */
  #allocatedOf(device: string): number {
    const allocations = [...this.objects.values()].map(({ allocation }) => allocation);
    return allocations.filter((one) => one.device === device).reduce((sum, { cpus }) => sum + cpus, 0);
  }

  #reserve(claimUid: string): void {
    const object = this.objects.get(claimUid);
    const pods = this.pods.filter((pod) => pod.claimUid === claimUid && !pod.hasEnded);
    if (object && pods.length > 0)
      object.status['reservedFor'] = pods.map(({ uid }) => ({ resource: 'pods', name: uid, uid }));
  }
}
