/**
 * Runs placement.bench.ts under each set of V8 flags that bin/dracpu could run with and prints, one JSON object a line, what decides
 * between them (docs/decisions/0002-v8-flags.md): the first call, the slowest packed row at 512 and 1,024 CPUs, the slowest
 * distribution over 16 nodes, and the process's peak of memory.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const FLAG_SETS: ReadonlyMap<string, readonly string[]> = new Map([
  ['default', []],
  ['size', ['--max-semi-space-size=1', '--optimize-for-size']],
  ['size-maglev-only', ['--max-semi-space-size=1', '--optimize-for-size', '--no-opt']],
  ['size-no-optimiser', ['--max-semi-space-size=1', '--optimize-for-size', '--no-opt', '--no-maglev']],
]);

const bench = fileURLToPath(new URL('placement.bench.ts', import.meta.url));
const REPORT_PEAK = 'data:text/javascript,process.on("exit",()=>console.error(process.resourceUsage().maxRSS))';

function runBench(flags: readonly string[]): { values: Map<string, number>; peakKiB: number } {
  const run = spawnSync(process.execPath, [...flags, '--import', REPORT_PEAK, bench], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`Cannot measure ${flags.join(' ')}: ${run.stderr}`);
  const rows = run.stdout
    .trim()
    .split('\n')
    .map((line): { bench: string; value: number } => JSON.parse(line));
  return {
    values: new Map(rows.map(({ bench, value }) => [bench, value])),
    peakKiB: Number(run.stderr.trim().split('\n').at(-1)),
  };
}

for (const [name, flags] of FLAG_SETS) {
  const { values, peakKiB } = runBench(flags);
  const slowest = (part: string) =>
    Math.max(
      ...[...values]
        .filter(([bench]) => bench.startsWith(part) && !bench.endsWith('allocated'))
        .map(([, value]) => value),
    );
  for (const [bench, value, unit] of [
    ['first-call/256', slowest('placement/first-call'), 'ns'],
    ['packed/512/slowest', slowest('placement/packed/512/'), 'ns/call'],
    ['packed/1024/slowest', slowest('placement/packed/1024/'), 'ns/call'],
    ['distributed/16-nodes/slowest', slowest('placement/distributed/16-nodes'), 'ns/call'],
    ['peak-memory', peakKiB, 'KiB'],
  ] as const) {
    process.stdout.write(`${JSON.stringify({ bench: `placement-flags/${name}/${bench}`, value, unit })}\n`);
  }
}
