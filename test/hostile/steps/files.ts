import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Dice } from '../dice.ts';
import { metadataFolder, metadataPath, metadataSpecPath, specPath } from '../judge/derived.ts';
import { recordFolders } from '../judge/records.ts';
import { endContainer, runContainer } from '../story/container-calls.ts';
import type { Story } from '../story/story.ts';
import type { ClaimTruth } from '../story/truth.ts';
import { startDriver } from './driver.ts';
import { allContainers } from './friendly.ts';
import type { Step } from './step.ts';
import { emptyCdiDirectory, removeTree } from './wipe.ts';

const HUGE_BYTES = 1_500_000_000;

/** What may stand where a file of the driver was. */
const REPLACEMENTS = {
  nothing: () => undefined,
  garbage: (path: string) => writeFileSync(path, '\u0000{'),
  empty: (path: string) => writeFileSync(path, ''),
  null: (path: string) => writeFileSync(path, 'null'),
  'null fields': (path: string) =>
    writeFileSync(
      path,
      '{"metadata":{"uid":"x"},"requests":[{"name":"cpus0","devices":[{"attributes":null}]}],"devices":[null]}',
    ),
  'forged CPUs': (path: string) =>
    writeFileSync(path, JSON.stringify({ cdiVersion: '0.8.0', kind: 'dra.k8s.io/cpu', devices: [] })),
  FIFO: (path: string) => execFileSync('mkfifo', [path]),
  'link to /': (path: string) => symlinkSync('/', path),
  'link to nothing': (path: string) => symlinkSync('/nowhere', path),
  'huge file': (path: string) => {
    writeFileSync(path, '{');
    truncateSync(path, HUGE_BYTES);
  },
  'full directory': (path: string) => {
    mkdirSync(path);
    writeFileSync(join(path, 'file'), 'x');
  },
} as const satisfies Record<string, (path: string) => unknown>;

const KINDS = Object.keys(REPLACEMENTS) as (keyof typeof REPLACEMENTS)[];

/** Puts something else, or nothing, where a file was. */
function replaceFile(story: Story, path: string, dice: Dice): void {
  const kind = dice.pick(KINDS) ?? 'nothing';
  story.inputs += 1;
  story.note(`${kind} in place of ${path.slice(story.world.places.root.length)}`);
  removeTree(path);
  mkdirSync(dirname(path), { recursive: true });
  try {
    REPLACEMENTS[kind](path);
  } catch {
    // The driver has put its own file there meanwhile, or mends the folder.
    story.note('the driver was faster');
  }
}

/** The derived files of a claim. */
function derivedPaths(story: Story, claim: ClaimTruth): string[] {
  const places = { pluginDirectory: story.world.pluginDirectory, cdiDirectory: story.world.places.cdiDirectory };
  return [
    specPath(places, claim.uid),
    ...(claim.isForeign ? [] : claim.requests).flatMap(({ request }) => [
      metadataSpecPath(places, claim.uid, request),
      metadataPath(places, claim, request),
    ]),
  ];
}

/** A container is created soon afterwards, as a kubelet does that restarts one. */
async function maybeRestart(story: Story, dice: Dice): Promise<void> {
  const chosen = dice.pick(
    allContainers(story).filter(({ container: { running, claims } }) => running && claims.length > 0),
  );
  if (!chosen || dice.chance(0.5)) return;
  await endContainer(story, chosen.container);
  await runContainer(story, chosen.pod, chosen.container);
}

const derivedFile: Step = {
  name: 'a derived file is changed',
  weight: 6,
  run: async (story, dice) => {
    const claim = dice.pick(story.prepared);
    if (!claim) return;
    const paths = derivedPaths(story, claim);
    for (let count = dice.between(1, paths.length); count > 0; count -= 1) {
      const path = dice.pick(paths);
      if (path !== undefined) replaceFile(story, path, dice);
    }
    await maybeRestart(story, dice);
  },
};

const wipedCdi: Step = {
  name: 'the folder of CDI specs is emptied',
  weight: 4,
  run: async (story, dice) => {
    const isKilled = dice.chance(0.4);
    if (isKilled) story.note('the driver is killed');
    if (isKilled) await story.world.driver.kill();
    emptyCdiDirectory(story, { isRemoved: dice.chance(0.3) });
    if (isKilled) await startDriver(story);
    await maybeRestart(story, dice);
  },
};

const wipedMetadata: Step = {
  name: 'the folder of metadata is removed',
  weight: 2,
  isAside: true,
  run: async (story) => {
    removeTree(join(story.world.pluginDirectory, 'dra-device-metadata'));
  },
};

/** Names under which nothing of the driver's is. */
function junkPaths(story: Story, dice: Dice): string[] {
  const { pluginDirectory, places } = story.world;
  const uid = dice.uuid();
  const stranger = { uid, namespace: 'shop', name: 'stranger' };
  const derived = { pluginDirectory, cdiDirectory: places.cdiDirectory };
  return [
    specPath(derived, uid),
    specPath(derived, '..'),
    metadataSpecPath(derived, uid, 'cpus0'),
    metadataPath(derived, stranger, 'cpus0'),
    join(metadataFolder(derived, stranger), 'file'),
    join(pluginDirectory, 'device-names.json'),
    ...recordFolders(pluginDirectory).flatMap((folder) => [
      join(folder, `${uid}.json`),
      join(folder, `${uid}.json.12ab.tmp`),
      join(folder, 'a b.json'),
      join(folder, '.hidden'),
    ]),
  ];
}

const junk: Step = {
  name: 'strange files lie in the folders of the driver before it starts',
  weight: 4,
  run: async (story, dice) => {
    await story.world.driver.kill();
    for (const path of dice.shuffle(junkPaths(story, dice)).slice(0, dice.between(1, 4)))
      replaceFile(story, path, dice);
    const claim = dice.pick(story.prepared);
    const path = claim && dice.pick(derivedPaths(story, claim));
    if (path !== undefined) replaceFile(story, path, dice);
    await startDriver(story);
  },
};

const fileForFolder: Step = {
  name: 'a file lies where the folder of metadata was',
  weight: 1,
  isAside: true,
  run: async (story) => {
    const folder = join(story.world.pluginDirectory, 'dra-device-metadata');
    removeTree(folder);
    try {
      writeFileSync(folder, 'not a folder');
    } catch {
      story.note('the driver was faster');
    }
  },
};

const lostRecord: Step = {
  name: 'the record of a running claim is lost while the driver is away',
  weight: 2,
  run: async (story, dice) => {
    const claim = dice.pick(story.prepared.filter((one) => one.isInApi && story.usersOf(one).length > 0));
    const [folder] = recordFolders(story.world.pluginDirectory);
    if (!claim || folder === undefined) return;
    await story.world.driver.kill();
    const path = join(folder, `${claim.uid}.json`);
    const isRemoved = dice.chance(0.5);
    story.note(`the record of ${claim.uid} is ${isRemoved ? 'removed' : 'damaged'}`);
    if (isRemoved) rmSync(path, { force: true });
    else writeFileSync(path, '{"version":1,"checksum":"00","claim":{}}');
    await startDriver(story);
  },
};

/** What happens to the driver's files. */
export const fileSteps: readonly Step[] = [derivedFile, wipedCdi, wipedMetadata, junk, fileForFolder, lostRecord];
