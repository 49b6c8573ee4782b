import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { invariant } from '../lib/invariant.ts';
import { checkNode, checkSettled } from './testing/model-checks.ts';
import { ModelNode } from './testing/model-node.ts';
import type { ModelContainer, ModelPod } from './testing/model-runtime.ts';

/** Seeds that are tried: few in `make check`, more in long tests; DRACPU_SEEDS=17 for one of them, 1-9000 for many. */
const seeds = process.env.DRACPU_SEEDS ?? (process.env.DRACPU_LONG_TESTS ? '1-3000' : '1-100');
const [first = 1, last = first] = seeds.split('-').map(Number);
const STEPS = 300;

/** A kind of step. */
interface Kind {
  readonly name: string;
  readonly weight: number;
  readonly run: (node: ModelNode) => unknown;
}

/** What may happen, and how often. */
const KINDS: readonly Kind[] = [
  { name: 'something ends', weight: 60, run: (node) => node.tasks.endOne(node.dice) },
  { name: 'claimed pod', weight: 10, run: (node) => node.kubelet.addClaimedPod() },
  { name: 'sharing pod', weight: 2, run: (node) => node.kubelet.addSharingPod() },
  { name: 'shared pod', weight: 4, run: (node) => node.kubelet.addSharedPod() },
  { name: 'prepare', weight: 14, run: (node) => void onPod(node, (pod) => node.kubelet.prepare(pod)) },
  { name: 'create', weight: 20, run: (node) => onPod(node, (pod) => node.kubelet.createContainer(pod)) },
  { name: 'stop', weight: 8, run: (node) => onContainer(node, (container) => node.runtime.stop(container)) },
  { name: 'update', weight: 3, run: (node) => onContainer(node, (container) => node.runtime.update(container)) },
  { name: 'end pod', weight: 6, run: (node) => onPod(node, (pod) => node.kubelet.endPod(pod)) },
  { name: 'unprepare', weight: 8, run: (node) => void onHeld(node, (uid) => node.kubelet.unprepare(uid)) },
  { name: 'forget', weight: 1, run: (node) => onHeld(node, (uid) => node.kubelet.forget(uid)) },
  { name: 'late event', weight: 10, run: (node) => node.runtime.sayOneLate() },
  { name: 'disconnect', weight: 3, run: (node) => node.driver.disconnected() },
  { name: 'connect', weight: 8, run: (node) => node.connect() },
  { name: 'drift', weight: 8, run: (node) => node.driver.checkDrift() },
  { name: 'sweep', weight: 2, run: (node) => void node.driver.service.releaseAbandoned() },
  { name: 'CPUs', weight: 2, run: (node) => node.switchCpus() },
  { name: 'crash', weight: 2, run: (node) => node.crash() },
  { name: 'hand over', weight: 2, run: (node) => node.handOver() },
  { name: 'lose files', weight: 1, run: (node) => node.loseFiles() },
  { name: 'reboot', weight: 0.5, run: (node) => node.reboot() },
];

function onPod<T>(node: ModelNode, act: (pod: ModelPod) => T): T | undefined {
  const pod = node.dice.pick(node.kubelet.pods);
  return pod && act(pod);
}

function onContainer(node: ModelNode, act: (container: ModelContainer) => void): void {
  const container = node.dice.pick([...node.runtime.containers.values()]);
  if (container) act(container);
}

function onHeld<T>(node: ModelNode, act: (uid: string) => T): T | undefined {
  const uid = node.dice.pick([...node.kubelet.held]);
  return uid === undefined ? undefined : act(uid);
}

const WEIGHT = KINDS.reduce((sum, { weight }) => sum + weight, 0);

function pickKind({ dice }: ModelNode): Kind {
  let left = dice.next() * WEIGHT;
  const kind = KINDS.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  invariant(kind, 'the dice are below 1');
  return kind;
}

/** Runs a step and judges what it did; before anything follows from it when the runtime has taken an answer. */
async function takeStep(node: ModelNode, { name, run }: Omit<Kind, 'weight'>): Promise<void> {
  node.trace.push(name);
  const { answers } = node.runtime;
  const done = run(node);
  checkNode(node, { isAnswered: node.runtime.answers > answers });
  await done;
  await setImmediate();
  checkNode(node, { isAnswered: false });
}

/** Ends what is under way, and what follows from it: some of that begins only after other events were served. */
async function endAll(node: ModelNode, check: () => void): Promise<void> {
  for (let idle = 0; idle < 4; ) {
    if (await node.tasks.endOne(node.dice)) {
      idle = 0;
      check();
    } else {
      idle += 1;
      await setImmediate();
    }
  }
}

/** Ends everything under way, connected, until the drift watch has seen all containers twice. */
async function settle(node: ModelNode): Promise<void> {
  node.calm();
  for (let round = 0; round < 4; round += 1) {
    await takeStep(node, { name: 'connect', run: () => node.connect() });
    await endAll(node, () => checkNode(node, { isAnswered: false }));
    node.driver.checkDrift();
    await setImmediate();
  }
  await endAll(node, () => {});
  checkSettled(node);
}

/** Every claim gets CPUs that are there for it, and every pod that is its only one a container. */
async function serve(node: ModelNode): Promise<void> {
  // As the kubelet tries again: some claims hold more at first than they are allocated by now, and a claim that is gone may be
  // released just after the time of one that waited for it.
  for (let round = 0; round < 6; round += 1) {
    for (const pod of node.kubelet.pods) void node.kubelet.prepare(pod);
    await settle(node);
  }
  for (const pod of node.kubelet.pods) {
    const { claimUid, isPrepared, hasEnded } = pod;
    const allocation = claimUid === undefined ? undefined : node.kubelet.objects.get(claimUid)?.allocation;
    if (hasEnded || !allocation) continue;
    const { ledger } = node.driver;
    const free = node.machine.devices.byName.get(allocation.device)?.cpus.intersection(ledger.free);
    const isPossible = ledger.sharedPool.size > allocation.cpus && free !== undefined && free.size >= allocation.cpus;
    assert.ok(isPrepared || !isPossible, `claim ${claimUid} is refused, and ${free} are free`);
    const rivals = node.kubelet.pods.filter((other) => other.claimUid === claimUid && !other.hasEnded);
    node.kubelet.createContainer(pod);
    const isServed = node.runtime.of(pod).length > 0 || !isPrepared;
    assert.ok(isServed || rivals.length > 1, `pod ${pod.uid} is refused`);
  }
  await settle(node);
}

/** Ends all pods and their claims: nothing is left of them. */
async function clear(node: ModelNode): Promise<void> {
  for (const pod of node.kubelet.pods.slice()) node.kubelet.endPod(pod);
  for (const uid of node.kubelet.held) void node.kubelet.unprepare(uid);
  await settle(node);
  void node.driver.service.releaseAbandoned();
  await settle(node);
  assert.deepEqual([node.driver.ledger.claims.map(({ uid }) => uid), [...node.files.keys()]], [[], []]);
}

async function runSeed(seed: number): Promise<void> {
  const node = new ModelNode(seed);
  try {
    for (let step = 0; step < STEPS; step += 1) await takeStep(node, pickKind(node));
    await settle(node);
    await serve(node);
    await clear(node);
  } catch (error) {
    throw new Error(`seed ${seed}, step ${node.trace.length}: ${node.trace.slice(-12).join(', ')}`, { cause: error });
  }
}

test('The driver, whatever comes in whatever order: no CPU twice, no claim forgotten, nobody on CPUs of others', async (context) => {
  context.diagnostic(`seeds ${first} to ${last}`);
  for (let seed = first; seed <= last; seed += 1) await runSeed(seed);
});
