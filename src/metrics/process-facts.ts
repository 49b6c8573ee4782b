import { readdirSync, readFileSync } from 'node:fs';
import { getHeapSpaceStatistics, type HeapSpaceInfo } from 'node:v8';

/** What the kernel and Node know about this process. */
export interface ProcessFacts {
  readonly cpuUserSeconds: number;
  readonly cpuSystemSeconds: number;
  /** Seconds since the Unix epoch. */
  readonly startTimeSeconds: number;
  readonly residentBytes: number;
  readonly virtualBytes: number;
  /** Data segment and heap, of /proc/self/status. */
  readonly dataBytes: number;
  readonly openFiles: number;
  /** Infinite where there is no limit. */
  readonly openFilesMax: number;
  readonly memory: NodeJS.MemoryUsage;
  readonly heapSpaces: readonly HeapSpaceInfo[];
  /** Kinds of what keeps the event loop alive, one per resource. */
  readonly resources: readonly string[];
  readonly handles: readonly string[];
  readonly requests: readonly string[];
}

const US_PER_S = 1e6;
const MS_PER_S = 1_000;
const BYTES_PER_KIB = 1_024;

/** Set when the process started; the clock may be changed later. */
const START_TIME_SECONDS = Date.now() / MS_PER_S - process.uptime();

/** A row of /proc/self/status (proc(5)) in bytes; 0 where the kernel has none. */
function readKiB(status: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * BYTES_PER_KIB;
}

/** The soft limit of /proc/self/limits (proc(5)). */
function readOpenFilesMax(): number {
  const limit = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return limit === 'unlimited' ? Infinity : Number(limit);
}

/** Names of the kinds of internal objects; Node has them without a documented way to ask, and exporters ask so. */
function readKinds(ask: '_getActiveHandles' | '_getActiveRequests'): string[] {
  const internals = process as unknown as Partial<Record<typeof ask, () => readonly object[]>>;
  return (internals[ask]?.() ?? []).map((each) => each.constructor.name);
}

/** Reads everything. Files of /proc/self are made by the kernel while they are read, and never wait for a disk. */
export function readProcessFacts(): ProcessFacts {
  const { user, system } = process.cpuUsage();
  const status = readFileSync('/proc/self/status', 'utf8');
  return {
    cpuUserSeconds: user / US_PER_S,
    cpuSystemSeconds: system / US_PER_S,
    startTimeSeconds: START_TIME_SECONDS,
    residentBytes: readKiB(status, 'VmRSS'),
    virtualBytes: readKiB(status, 'VmSize'),
    dataBytes: readKiB(status, 'VmData'),
    // One of them is the directory that is being read.
    openFiles: readdirSync('/proc/self/fd').length - 1,
    openFilesMax: readOpenFilesMax(),
    memory: process.memoryUsage(),
    heapSpaces: getHeapSpaceStatistics(),
    resources: process.getActiveResourcesInfo(),
    handles: readKinds('_getActiveHandles'),
    requests: readKinds('_getActiveRequests'),
  };
}
