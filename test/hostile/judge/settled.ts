import { setTimeout as sleep } from 'node:timers/promises';
import { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import { toldCpus } from '../peers/runtime-container.ts';
import { addContainer, endContainer, tryRun } from '../story/container-calls.ts';
import { makePod } from '../story/make.ts';
import type { Story } from '../story/story.ts';
import { type ClaimTruth, type ContainerTruth, isEntitled } from '../story/truth.ts';
import { findDerivedProblems } from './derived.ts';
import { findOverlaps, findRecord, readRecords } from './records.ts';
import type { Violation } from './violation.ts';

/** Derived files are back within 2 s; a second more is for the machine that runs the suite. */
const SETTLE_TIMEOUT_MS = 3_000;
const POLL_MS = 25;

function checkClaim(story: Story, claim: ClaimTruth): Violation[] {
  const { pluginDirectory, places } = story.world;
  const record = findRecord(pluginDirectory, claim.uid);
  const about = `claim ${claim.uid} of ${claim.namespace}/${claim.name}`;
  if (typeof record === 'string') return [{ invariant: 'I7', what: `${about} is prepared, and ${record}` }];
  if (!record.cpus.equals(claim.cpus)) {
    return [{ invariant: 'I7', what: `${about} held CPUs ${claim.cpus}, its record has ${record.cpus}` }];
  }
  const requests = claim.isForeign ? [] : claim.requests.map(({ request }) => request);
  const derived = { ...claim, requests };
  return findDerivedProblems({ pluginDirectory, cdiDirectory: places.cdiDirectory }, derived).map((problem) => ({
    invariant: 'I3',
    what: `${about}: ${problem}`,
  }));
}

/** What is wrong with the cpusets that the runtime was told; containers created without the driver are due by now. */
function checkContainers(story: Story): Violation[] {
  const live = [...story.world.runtime.containers.values()].filter(({ state }) => state !== 'stopped');
  return live.flatMap((container): Violation[] => {
    const name = story.describe(container);
    if (container.told === '') return [{ invariant: 'I2', what: `${name} was told no CPUs and may run on every one` }];
    return story.prepared
      .filter(
        (claim) => claim.cpus.intersects(toldCpus(container)) && !isEntitled(claim, container, story.world.tellsCdi),
      )
      .map((claim) => ({
        invariant: 'I2',
        what: `${name} is told CPUs ${container.told}, claim ${claim.uid} holds ${claim.cpus}`,
      }));
  });
}

/** Owners of claims run on the CPUs of their claims, also those that were created while the driver was away. */
function checkOwners(story: Story): Violation[] {
  const isOwner = ({ name, claims, running }: ContainerTruth, podUid: string) =>
    running !== undefined &&
    claims.length > 0 &&
    claims.every(
      ({ owner, state }) => state === 'prepared' && owner?.podUid === podUid && owner.containerName === name,
    );
  return story.livePods.flatMap(({ uid, containers }) =>
    containers
      .filter((container) => isOwner(container, uid))
      .flatMap(({ claims, running }): Violation[] => {
        const own = CpuSet.unionOf(claims.map(({ cpus }) => cpus));
        if (!running || toldCpus(running).equals(own)) return [];
        return [
          {
            invariant: 'I5',
            what: `${story.describe(running)} is told CPUs "${running.told}", its claims hold ${own}`,
          },
        ];
      }),
  );
}

function findComplaints(story: Story): Violation[] {
  const claims = story.prepared.filter((claim) => !story.mayBeReleased(claim));
  return [
    ...findOverlaps(readRecords(story.world.pluginDirectory)).map((what): Violation => ({ invariant: 'I1', what })),
    ...claims.flatMap((claim) => checkClaim(story, claim)),
    ...checkContainers(story),
    ...checkOwners(story),
  ];
}

/** A driver that ends by itself, whatever it was given, is a violation. */
export function checkRunning(story: Story): boolean {
  for (const driver of story.world.drivers) {
    if (!driver.isEnding && !driver.isRunning) story.report('I6', `the driver ended by itself with ${driver.ending}`);
  }
  return story.world.driver.isRunning;
}

/** Creates a container without claims and removes it: it is pinned, and what is due for others goes out with the answers. */
async function probe(story: Story): Promise<void> {
  const pod = makePod(story);
  const container = addContainer(pod);
  const creation = await tryRun(story, pod, container);
  if (creation.kind !== 'created')
    story.report('I6', `a container without claims cannot be created: ${JSON.stringify(creation)}`);
  else if (creation.container.isUnseen) story.report('I6', 'a container without claims was created unpinned');
  await endContainer(story, container);
  if (pod.sandbox) await story.world.runtime.stopSandbox(pod.sandbox);
  if (pod.sandbox) await story.world.runtime.removeSandbox(pod.sandbox);
  pod.isGone = true;
}

/**
 * Waits until everything is as it must be, and reports what is not in time. The API server may fail meanwhile; the driver must be
 * there.
 */
export async function settle(story: Story): Promise<void> {
  if (!checkRunning(story)) return;
  if (!(await story.world.waitForPinning())) return story.report('I6', 'the driver does not come back to the runtime');
  await probe(story);
  const endMs = story.world.clock.nowMs + SETTLE_TIMEOUT_MS;
  for (;;) {
    const complaints = findComplaints(story);
    if (complaints.length === 0) return story.note('settled');
    if (story.world.clock.nowMs > endMs) {
      for (const { invariant, what } of complaints) story.report(invariant, what);
      return;
    }
    await sleep(POLL_MS);
    if (!checkRunning(story)) return;
  }
}
