import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endPod } from '../story/container-calls.ts';
import { prepareClaim, unprepareClaim } from '../story/claim-calls.ts';
import { makeClaim, makePod } from '../story/make.ts';
import type { Story } from '../story/story.ts';
import { MACHINE } from '../story/world.ts';
import { cpusOfNode } from '../peers/machine-files.ts';
import { get } from '../peers/http-client.ts';
import { findFilesOf } from './derived.ts';
import { namesIn } from './files.ts';
import { checkLog } from './log.ts';
import { checkRunning, settle } from './settled.ts';

/** How long slices may take to be what they are to be once the API server is well, in milliseconds. */
const SLICES_TIMEOUT_MS = 15_000;
/** The driver waits a second for processes that are about to listen. */
const SOCKETS_TIMEOUT_MS = 5_000;
const POLL_MS = 50;

/** Pages that ask for no login. */
const OPEN_PAGES = ['/metrics', '/topology', '/topology.json', '/readyz'];

interface SliceSpec {
  readonly driver: string;
  readonly devices?: readonly { readonly name: string }[];
}

function publishedDevices(story: Story): string[] {
  return story.world.api.store
    .list('resourceslices')
    .map(({ spec }) => spec as SliceSpec)
    .filter(({ driver }) => driver === 'dra.cpu')
    .flatMap(({ devices = [] }) => devices.map(({ name }) => name))
    .sort();
}

/** Once the API server is well, the node's devices are published, and readiness does not say so before they are. */
async function checkSlices(story: Story): Promise<void> {
  const wanted = Array.from({ length: MACHINE.nodes }, (_, node) => `cpudevnuma00${node}`).join();
  const endMs = story.world.clock.nowMs + SLICES_TIMEOUT_MS;
  let isGreen = false;
  for (;;) {
    const isPublished = publishedDevices(story).join() === wanted;
    const { status, body } = await get(story.world.port, '/readyz');
    isGreen = status === 200 || body.includes('[+]slices-published');
    if (isPublished && isGreen) return;
    if (story.world.clock.nowMs > endMs) break;
    await sleep(POLL_MS);
  }
  story.report(
    'I9',
    `readiness says slices are ${isGreen ? '' : 'not '}published, the API server holds "${publishedDevices(story).join()}"`,
  );
}

/** Pages without a login show no UID of a claim. */
async function checkPages(story: Story): Promise<void> {
  for (const page of OPEN_PAGES) {
    const { body } = await get(story.world.port, page);
    const shown = story.claims.filter(({ uid }) => body.includes(uid));
    if (shown.length > 0) story.report('I11', `${page} shows the UIDs of ${shown.length} claims`);
  }
}

/** Sockets of the driver's own name on which no one answers are removed soon after a start. */
async function checkSockets(story: Story): Promise<void> {
  const { clock, places, pluginDirectory } = story.world;
  const directories = [join(places.kubeletRoot, 'plugins_registry'), pluginDirectory];
  const endMs = clock.nowMs + SOCKETS_TIMEOUT_MS;
  for (;;) {
    const stale = story.staleSockets.filter((name) => directories.some((path) => namesIn(path).includes(name)));
    if (stale.length === 0) return;
    if (clock.nowMs > endMs)
      return story.report('I9', `sockets of drivers that are gone are still there: ${stale.join(', ')}`);
    await sleep(POLL_MS);
  }
}

/** Every claim is unprepared, which leaves nothing of it; then its CPUs are there for others. */
async function checkRelease(story: Story): Promise<void> {
  for (const pod of story.livePods) await endPod(story, pod);
  for (const claim of story.claims) {
    if (claim.state === 'new') continue;
    const answer = await unprepareClaim(story, claim);
    if (answer?.ok !== true)
      story.report('I4', `claim ${claim.uid} without containers cannot be unprepared: ${JSON.stringify(answer)}`);
  }
  const left = story.claims.flatMap((claim) =>
    findFilesOf({ pluginDirectory: story.world.pluginDirectory, cdiDirectory: story.world.places.cdiDirectory }, claim),
  );
  if (left.length > 0) story.report('I4', `claims that were unprepared left ${left.join(', ')}`);
}

/** A claim of all CPUs of a node can be prepared: none is lost. */
async function checkNothingLost(story: Story): Promise<void> {
  const pod = makePod(story);
  const node = 1;
  const cpus = cpusOfNode(MACHINE, node).intersection(story.world.claimableCpus).size;
  const requests = [{ request: 'cpus0', node, cpus, shareId: story.dice.uuid() }];
  const claim = makeClaim(story, { pods: [pod], requests });
  if (!claim) return;
  const answer = await prepareClaim(story, claim);
  if (answer?.ok !== true)
    story.report(
      'I4',
      `CPUs were lost: a claim of all ${cpus} CPUs of node ${node} is refused: ${JSON.stringify(answer)}`,
    );
}

/** The end of a story: everything is well again, and everything is asked for. */
export async function judgeEnding(story: Story): Promise<void> {
  const { world } = story;
  world.api.heal();
  world.runtime.updateDelayMs = 0;
  await settle(story);
  if (!checkRunning(story)) return checkLog(story);
  await checkPages(story);
  await checkSlices(story);
  await checkSockets(story);
  await checkRelease(story);
  await checkNothingLost(story);
  story.checkBystanders();
  const ending = await world.driver.stop();
  if (ending !== 'code 0') story.report('I6', `the driver that was asked to stop ended with ${ending}`);
  checkLog(story);
}
