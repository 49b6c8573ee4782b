import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import type { Dice } from '../dice.ts';
import { specPath } from '../judge/derived.ts';
import { addContainer, tryRun } from './container-calls.ts';
import { NODE_NAME } from './api-objects.ts';
import { makeClaim, makePod } from './make.ts';
import type { Story } from './story.ts';
import type { ClaimTruth } from './truth.ts';

/** Leaves the file of a socket on which no one listens, as a process that was killed does. */
async function leaveSocket(path: string): Promise<void> {
  const server = createServer();
  // A server removes its own file when it closes, under the name by which it was opened.
  await new Promise<void>((resolve) => server.listen(`${path}.x`, resolve));
  renameSync(`${path}.x`, path);
  await new Promise((resolve) => server.close(resolve));
}

/** Sockets of drivers of earlier pods. */
async function leaveSockets(story: Story, dice: Dice): Promise<void> {
  const { places, pluginDirectory } = story.world;
  mkdirSync(pluginDirectory, { recursive: true });
  const uids = Array.from({ length: dice.between(1, 3) }, () => dice.uuid());
  for (const uid of uids) {
    await leaveSocket(join(places.kubeletRoot, 'plugins_registry', `dra.cpu-${uid}-reg.sock`));
    await leaveSocket(join(pluginDirectory, `dra-${uid}.sock`));
  }
  story.staleSockets = uids.flatMap((uid) => [`dra.cpu-${uid}-reg.sock`, `dra-${uid}.sock`]);
  story.note(`sockets of ${uids.length} drivers that were killed`);
}

/** What release 0.1.0 keeps of a claim in its CDI spec. */
function annotations({ namespace, name, requests, cpus }: ClaimTruth): object {
  const assignments = requests.map(({ request, node, shareId }) => ({
    request,
    pool: NODE_NAME,
    device: `cpudevnuma00${node}`,
    shareId,
    cpus: cpus.toString(),
  }));
  return { annotations: { 'dra.cpu/record': JSON.stringify({ version: 1, namespace, name, assignments }) } };
}

/** A claim that the reference driver or release 0.1.0 prepared, of which there is a CDI spec file, and a container that runs. */
async function leaveClaim(story: Story, dice: Dice, cpus: CpuSet): Promise<void> {
  const pod = makePod(story);
  const requests = [{ request: 'cpus0', node: 0, cpus: cpus.size, shareId: dice.uuid() }];
  const claim = makeClaim(story, { pods: [pod], requests });
  if (!claim) return;
  claim.cpus = cpus;
  claim.cdiDevices = [`dra.k8s.io/cpu=claim-${claim.uid}`];
  claim.state = 'prepared';
  const isReference = dice.chance(0.5);
  claim.isForeign = true;
  const { pluginDirectory, places } = story.world;
  const path = specPath({ pluginDirectory, cdiDirectory: places.cdiDirectory }, claim.uid);
  const device = { name: `claim-${claim.uid}`, containerEdits: { env: [`DRA_CPUSET_${claim.uid}=${cpus}`] } };
  const own = isReference ? {} : annotations(claim);
  writeFileSync(path, JSON.stringify({ cdiVersion: '0.8.0', kind: 'dra.k8s.io/cpu', ...own, devices: [device] }));
  story.note(`claim ${claim.uid} on CPUs ${cpus} of ${isReference ? 'the reference driver' : 'release 0.1.0'}`);
  const main = addContainer(pod, { claims: [claim], name: 'main' });
  if (dice.chance(0.3)) return;
  const creation = await tryRun(story, pod, main);
  if (creation.kind !== 'created') return;
  claim.owner = { podUid: pod.uid, containerName: 'main' };
  story.world.runtime.tellEarlier(creation.container, cpus.toString());
}

/** What was on the node before the driver. */
export async function prepareBackground(story: Story, dice: Dice): Promise<void> {
  if (dice.chance(0.3)) await leaveSockets(story, dice);
  if (dice.chance(0.75)) return;
  await leaveClaim(story, dice, CpuSet.of(1, 9));
  if (dice.chance(0.5)) await leaveClaim(story, dice, CpuSet.of(2));
}
