import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { addContainer, endContainer, tryRun } from '../story/container-calls.ts';
import { makePod } from '../story/make.ts';
import type { Story } from '../story/story.ts';
import { COUNTERS } from './probe-worker.ts';

/** What a siege did to the driver. */
export interface SiegeFigures {
  /** Hooks that were answered meanwhile. */
  readonly hooks: number;
  /** How long they took, in milliseconds, without the time in which the driver or the suite had no CPU. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Hooks that were not answered, or too late. */
  readonly lost: number;
  /** The most memory that the driver had, above what it had before, in MiB. */
  readonly memoryMiB: number;
  /** Probes that were not answered with 200 within a second. */
  readonly failedProbes: number;
  readonly probes: number;
}

const MIB = 1024 * 1024;
const MEMORY_INTERVAL_MS = 20;

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Creates and removes containers until told to end, and notes how long each hook took. */
async function runContainers(story: Story, isOver: () => boolean): Promise<number[]> {
  const { runtime } = story.world;
  const durations: number[] = [];
  while (!isOver()) {
    const pod = makePod(story);
    const from = runtime.timings.length;
    const container = addContainer(pod);
    await tryRun(story, pod, container);
    await endContainer(story, container);
    durations.push(...runtime.timings.slice(from).map(({ fairMs }) => fairMs));
    story.notes.length = 0;
    await sleep(1);
  }
  return durations;
}

/** Probes in a thread of their own; the returned function ends them and says how many there were, and how many failed. */
function startProbes(port: number): () => Promise<{ probes: number; failedProbes: number }> {
  const shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * Object.keys(COUNTERS).length);
  const counters = new Int32Array(shared);
  const worker = new Worker(new URL('./probe-worker.ts', import.meta.url), { workerData: { port, shared } });
  const ended = once(worker, 'exit');
  return async () => {
    Atomics.store(counters, COUNTERS.isOver, 1);
    await ended;
    return {
      probes: Atomics.load(counters, COUNTERS.probes),
      failedProbes: Atomics.load(counters, COUNTERS.failed),
    };
  };
}

async function watchMemory(story: Story, isOver: () => boolean): Promise<number> {
  let most = 0;
  while (!isOver()) {
    most = Math.max(most, story.world.driver.usage.residentBytes);
    await sleep(MEMORY_INTERVAL_MS);
  }
  return most;
}

/** Measures hooks, probes and memory while something goes on. */
export async function measureWhile(story: Story, siege: () => Promise<void>): Promise<SiegeFigures> {
  const before = story.world.driver.usage.residentBytes;
  const from = story.world.runtime.timings.length;
  let isEnded = false;
  const isOver = () => isEnded || !story.world.driver.isRunning;
  const endProbes = startProbes(story.world.port);
  const watching = Promise.all([runContainers(story, isOver), watchMemory(story, isOver)]);
  await siege();
  isEnded = true;
  const [hooks, memory] = await watching;
  hooks.sort((a, b) => a - b);
  return {
    hooks: hooks.length,
    p50Ms: quantile(hooks, 0.5),
    p99Ms: quantile(hooks, 0.99),
    maxMs: hooks.at(-1) ?? 0,
    lost: story.world.runtime.timings.slice(from).filter(({ outcome }) => outcome === 'late' || outcome === 'lost')
      .length,
    memoryMiB: (memory - before) / MIB,
    ...(await endProbes()),
  };
}
