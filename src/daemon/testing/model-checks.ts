import assert from 'node:assert/strict';
import { CpuSet } from '../../cpuset/cpu-set.ts';
import { parseCpuList, tryParseCpuList } from '../../cpuset/parse.ts';
import type { ModelNode } from './model-node.ts';
import type { ModelContainer } from './model-runtime.ts';

/** The CPUs that a container may have for itself: those of its pod's claim, unless another pod has the claim. */
function ownOf({ driver }: ModelNode, container: ModelContainer): CpuSet {
  const { id, pod } = container;
  const { claimUid = '' } = pod;
  const unverified = driver.containers.unverified.find(({ facts }) => facts.id === id);
  if (unverified) return givenTo(container);
  const isOwner = driver.ledger.ownerOf(claimUid)?.podUid === pod.uid;
  return (isOwner ? driver.ledger.find(claimUid)?.cpus : undefined) ?? CpuSet.empty;
}

/** The CPUs that the first variable of an environment lists. */
function readFirst([variable = '']: readonly string[]): CpuSet {
  return tryParseCpuList(variable.slice(variable.indexOf('=') + 1)) ?? CpuSet.empty;
}

/** The CPUs that the environment of a container gives it, where a driver wrote that. */
function givenTo({ pod, env }: ModelContainer): CpuSet {
  return pod.claimUid === undefined ? CpuSet.empty : readFirst(env);
}

/** No CPU is in two claims, be it by memory, by a file or by a container that runs. */
function checkClaims({ driver, files, runtime, machine }: ModelNode): void {
  const { claims } = driver.ledger;
  for (const [index, { uid, cpus }] of claims.entries()) {
    for (const other of claims.slice(index + 1)) {
      assert.ok(!other.cpus.intersects(cpus), `CPUs ${cpus} of ${uid} and ${other.cpus} of ${other.uid}`);
    }
    for (const file of files.values()) {
      const isOther = file.claim.uid !== uid && file.claim.cpus.intersects(cpus);
      assert.ok(!isOther, `CPUs ${cpus} of ${uid}, and ${file.claim.cpus} in the record of ${file.claim.uid}`);
    }
    for (const container of runtime.containers.values()) {
      const given = givenTo(container);
      const isOther = container.pod.claimUid !== uid && !container.isConfined && given.intersects(cpus);
      // A claim without its file is not confirmed while CPUs of it are offline.
      assert.ok(
        !isOther || !given.isSubsetOf(machine.topology.online),
        `CPUs ${cpus} of ${uid}, ${given} of ${container.id}`,
      );
    }
  }
}

/** No claim is forgotten that the kubelet was told is prepared, or whose CPUs a container has. */
function checkKept({ driver, kubelet, runtime }: ModelNode): void {
  for (const { claimUid, isPrepared, isBusy, hasEnded, uid } of kubelet.pods) {
    if (claimUid === undefined || !isPrepared || isBusy || hasEnded) continue;
    const claim = driver.ledger.find(claimUid);
    assert.ok(claim, `claim ${claimUid} of pod ${uid} is forgotten`);
    assert.equal(claim.cpus.size, kubelet.objects.get(claimUid)?.allocation.cpus, `CPUs of ${claimUid}`);
  }
  for (const { facts, exclusive } of driver.containers.decided) {
    const claimUid = runtime.containers.get(facts.id)?.pod.claimUid;
    if (exclusive && claimUid !== undefined) assert.ok(driver.ledger.find(claimUid), `${claimUid} of ${facts.id}`);
  }
}

/** Notes which CPUs containers have for themselves, once the runtime has taken an answer that keeps all others away. */
function noteHolds({ driver, runtime }: ModelNode): void {
  for (const container of runtime.containers.values()) {
    const isKept = driver.containers.unverified.some(({ facts }) => facts.id === container.id);
    const kept = isKept && container.cpus === givenTo(container).toString() ? givenTo(container) : CpuSet.empty;
    container.holds = driver.containers.find(container.id)?.exclusive ?? kept;
  }
}

/**
 * No container is on CPUs that another one has for itself, and once the runtime has taken an answer on none of a claim that is
 * prepared: then everybody is where they are meant to be.
 */
function checkPlaces(node: ModelNode, { isAnswered }: { readonly isAnswered: boolean }): void {
  const { driver, runtime } = node;
  if (isAnswered) noteHolds(node);
  const holds = CpuSet.unionOf([...runtime.containers.values()].map((container) => container.holds));
  const held = isAnswered ? holds.union(driver.ledger.taken) : holds;
  for (const container of runtime.containers.values()) {
    const { id, pod, cpus } = container;
    const decided = driver.containers.find(id);
    assert.ok(decided, `${id} is not followed`);
    if (driver.isOnTheWay(id) || decided.cpus.isEmpty) continue;
    assert.notEqual(cpus, '', `${id} of ${pod.uid} has every CPU`);
    const foreign = held.difference(ownOf(node, container));
    assert.ok(!parseCpuList(cpus).intersects(foreign), `${id} of ${pod.uid} on ${cpus}, of others ${foreign}`);
    if (!isAnswered) continue;
    assert.equal(cpus, decided.cpus.toString(), `${id} of ${pod.uid}`);
    if (decided.memoryNodes) assert.equal(container.mems, decided.memoryNodes.toString(), `memory of ${id}`);
  }
}

/** Notes whom the driver has confined to the shared pool, whatever variables they have. */
function noteConfined({ driver, runtime }: ModelNode): void {
  const unverified = new Set(driver.containers.unverified.map(({ facts }) => facts.id));
  for (const { facts, exclusive } of driver.containers.decided) {
    const container = runtime.containers.get(facts.id);
    if (container) container.isConfined = exclusive === undefined && !unverified.has(facts.id);
  }
}

/** What must hold after each step. `isAnswered`: the runtime has just taken an answer, with all that was due. */
export function checkNode(node: ModelNode, { isAnswered }: { readonly isAnswered: boolean }): void {
  noteConfined(node);
  checkClaims(node);
  checkKept(node);
  if (node.driver.isConnected) checkPlaces(node, { isAnswered });
}

/** The CPUs that a container is to have, told apart from how the driver finds them. */
function wantedOf(node: ModelNode, container: ModelContainer): string {
  const { allocatable, sharedOnly, reserved } = node.machine.devices;
  const { ledger } = node.driver;
  const { online } = node.machine.topology;
  const left = allocatable.union(sharedOnly).difference(ledger.taken).intersection(online);
  const pool = left.isEmpty ? reserved.difference(ledger.taken).intersection(online) : left;
  const own = ownOf(node, container).intersection(online);
  if (own.isEmpty) return pool.toString();
  return (ledger.find(container.pod.claimUid ?? '')?.sharesPool ? own.union(pool) : own).toString();
}

/** What must hold once everything under way has ended and the drift watch has looked: nobody is left on other CPUs. */
export function checkSettled(node: ModelNode): void {
  checkNode(node, { isAnswered: true });
  for (const container of node.runtime.containers.values()) {
    const wanted = wantedOf(node, container);
    if (wanted !== '') assert.equal(container.cpus, wanted, `${container.id} of ${container.pod.uid}`);
  }
  for (const uid of node.files.keys())
    assert.ok(node.driver.ledger.find(uid), `claim ${uid} is forgotten, its file is not`);
}
