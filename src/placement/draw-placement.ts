import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { Cpu, CpuTopology } from '../topology/topology.ts';

/** What is drawn over a machine. */
export interface DrawnPlacement {
  readonly free: CpuSet;
  readonly cpus: CpuSet;
}

/** Cores that stand on one line at most; a longer cache goes on in the next. */
const CORES_PER_LINE = 16;

function drawCore(threads: readonly Cpu[], { free, cpus }: DrawnPlacement): string {
  return threads.map(({ cpu }) => (cpus.has(cpu) ? '#' : free.has(cpu) ? '.' : 'x')).join('');
}

function labelOf({ socket, numaNode, l3Cache }: Cpu): string {
  return `socket ${socket}  node ${numaNode}${l3Cache === undefined ? '' : `  L3 ${l3Cache}`}`;
}

/**
 * Draws a choice as text, a line for each L3 cache: one word a core, one character a thread, `#` chosen, `.` free,
 * `x` not free.
 * @example "socket 0  node 0  L3 0 | ## ## #. .. xx x. .. .."
 */
export function drawPlacement(topology: CpuTopology, placement: DrawnPlacement): string[] {
  const lines: { label: string; cores: string[] }[] = [];
  const groups = Map.groupBy(topology.cpus, labelOf);
  for (const [label, cpus] of groups) {
    const cores = [...Map.groupBy(cpus, ({ core }) => core).values()].map((threads) => drawCore(threads, placement));
    for (let at = 0; at < cores.length; at += CORES_PER_LINE) {
      lines.push({ label: at === 0 ? label : '', cores: cores.slice(at, at + CORES_PER_LINE) });
    }
  }
  const width = Math.max(...lines.map(({ label }) => label.length));
  return lines.map(({ label, cores }) => `${label.padEnd(width)} | ${cores.join(' ')}`);
}
