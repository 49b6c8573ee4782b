/**
 * A driver's life in short: one 256-CPU machine, 2,500 claims that come and go. Prints, one JSON object a line, what the choices
 * cost early and late, and the memory that stays. placement-flags.ts runs it under several sets of V8 flags.
 */
import type { CpuSet } from '../src/cpuset/cpu-set.ts';
import { PlacementError, takeCpus } from '../src/placement/take-cpus.ts';
import { machineOf, regularRows } from '../src/placement/testing/machines.ts';

const CLAIMS = 2500;

const topology = machineOf(
  regularRows({ sockets: 2, nodesPerSocket: 4, l3sPerNode: 2, coresPerL3: 8, threadsPerCore: 2 }),
);

/** Gives claims of 1 to 24 CPUs; when one does not fit, the oldest ones go until it does. Returns microseconds per choice. */
function runClaims(): number[] {
  const held: CpuSet[] = [];
  let free = topology.online;
  const micros: number[] = [];
  for (let claim = 0; claim < CLAIMS; claim += 1) {
    const cpus = 1 + ((claim * 7) % 24);
    for (let placed = false; !placed; ) {
      const start = performance.now();
      try {
        const placement = takeCpus(topology, { free, cpus, policy: 'packed' });
        micros.push((performance.now() - start) * 1000);
        held.push(placement.cpus);
        free = free.difference(placement.cpus);
        placed = true;
      } catch (error) {
        if (!(error instanceof PlacementError)) throw error;
        free = free.union(held.shift() ?? topology.online);
      }
    }
  }
  return micros;
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? 0;
}

const micros = runClaims();
for (const [bench, value, unit] of [
  ['first', micros[0] ?? 0, 'us'],
  ['2nd-to-100th/p50', percentile(micros.slice(1, 100), 0.5), 'us'],
  ['2nd-to-100th/p99', percentile(micros.slice(1, 100), 0.99), 'us'],
  ['last-1000/p50', percentile(micros.slice(-1000), 0.5), 'us'],
  ['last-1000/p99', percentile(micros.slice(-1000), 0.99), 'us'],
  ['resident-after', process.memoryUsage.rss() / 2 ** 20, 'MiB'],
] as const) {
  process.stdout.write(
    `${JSON.stringify({ bench: `placement-load/${bench}`, value: Number(value.toPrecision(4)), unit })}\n`,
  );
}
