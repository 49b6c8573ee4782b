/**
 * Performs the commands of docs/tasks/install.md from "3. The driver" on, literally, so that the page stays true, and checks what the
 * two containers of the example say of their CPUs. Needs kubectl, a cluster without the driver, and the images on its nodes.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { findHelm } from './helm.ts';

const PAGE = 'docs/tasks/install.md';
const SECTIONS = ['## 3. The driver', '## 4. A pod with a claim'];
const BLOCK_TIMEOUT_MS = 5 * 60_000;
/** The block whose answers are two lines of the example's program, the container with the claim first. */
const LOGS = 'kubectl logs quickstart';

/** The shell commands of sections, block by block. */
function readBlocks(page: string): readonly string[] {
  return SECTIONS.flatMap((heading) => {
    const section = page.split(/^(?=## )/m).find((text) => text.startsWith(heading));
    if (section === undefined) throw new RangeError(`Cannot find section "${heading}" in ${PAGE}: it was renamed`);
    return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands);
  });
}

/** What the containers' lines contradict, or undefined when they are as the page says. */
function findContradiction(output: string): string | undefined {
  const [exclusive, shared] = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { affinity: string; claims: Record<string, string> });
  if (!exclusive || !shared) return 'want a line of each container';
  if (!/^\d+$/.test(exclusive.affinity)) return `the container with the claim has CPUs ${exclusive.affinity}, want one`;
  if (!Object.values(exclusive.claims).includes(exclusive.affinity)) return 'its claim names other CPUs';
  const [cpu, numbers] = [
    Number(exclusive.affinity),
    shared.affinity.split(',').map((part) => part.split('-').map(Number)),
  ];
  const overlaps = numbers.some(([first = 0, last = first]) => cpu >= first && cpu <= last);
  return overlaps ? `the container without a claim has CPUs ${shared.affinity}, among them ${cpu}` : undefined;
}

function runBlock(commands: string, env: NodeJS.ProcessEnv): string | undefined {
  process.stdout.write(commands.replace(/^/gm, '$ ').replace(/\$ $/, ''));
  const options = { env, encoding: 'utf8', timeout: BLOCK_TIMEOUT_MS, input: commands } as const;
  const { status, stdout, stderr, error } = spawnSync('sh', ['-eu'], options);
  process.stdout.write(stdout + stderr);
  if (status !== 0) return `the commands ended with ${error?.message ?? `exit code ${status}`}`;
  return commands.startsWith(LOGS) ? findContradiction(stdout) : undefined;
}

function main(): void {
  const helm = findHelm();
  if ('missing' in helm) {
    process.stderr.write(`Cannot perform ${PAGE}: ${helm.missing}\n`);
    process.exitCode = 1;
    return;
  }
  const env = { ...process.env, PATH: `${process.env.PATH}${delimiter}${dirname(helm.path)}` };
  const blocks = readBlocks(readFileSync(PAGE, 'utf8'));
  for (const [index, commands] of blocks.entries()) {
    const problem = runBlock(commands, env);
    if (problem === undefined) continue;
    process.stderr.write(`Cannot perform ${PAGE}, block ${index + 1} of ${blocks.length}: ${problem}\n`);
    process.exitCode = 1;
    return;
  }
  process.stdout.write(`${PAGE}: all ${blocks.length} blocks did what they say\n`);
}

main();
