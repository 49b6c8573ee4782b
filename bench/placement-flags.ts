/**
 * Runs placement.bench.ts and placement-load.ts under each set of V8 flags that bin/dracpu could run with and prints, one JSON object
 * a line, what decides between them (docs/decisions/0002-v8-flags.md): the slowest rows of the benchmark, and choices and
 * memory of a driver's life in short, the median of several runs. Both are bundled first, as bin/dracpu is: reading TypeScript
 * costs a process some 30 MiB.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const FLAG_SETS: ReadonlyMap<string, readonly string[]> = new Map([
  ['default', []],
  ['size', ['--max-semi-space-size=1', '--optimize-for-size']],
  ['size-no-maglev', ['--max-semi-space-size=1', '--optimize-for-size', '--no-maglev']],
  ['size-no-turbofan', ['--max-semi-space-size=1', '--optimize-for-size', '--no-opt']],
  ['size-no-optimiser', ['--max-semi-space-size=1', '--optimize-for-size', '--no-opt', '--no-maglev']],
]);

const LOAD_RUNS = 7;

interface Row {
  readonly bench: string;
  readonly value: number;
  readonly unit: string;
}

const bundles = mkdtempSync(join(tmpdir(), 'placement-flags-'));

function bundle(name: string): string {
  const outfile = join(bundles, name.replace(/ts$/, 'mjs'));
  const entry = fileURLToPath(new URL(name, import.meta.url));
  buildSync({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
  });
  return outfile;
}

function runScript(script: string, flags: readonly string[]): Row[] {
  const run = spawnSync(process.execPath, [...flags, script], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`Cannot run ${script} with ${JSON.stringify(flags)}: ${run.stderr}`);
  return run.stdout
    .trim()
    .split('\n')
    .map((line): Row => JSON.parse(line));
}

function slowestRow(rows: readonly Row[], prefix: string): Row {
  const values = rows
    .filter(({ bench, unit }) => bench.startsWith(prefix) && unit === 'ns/call')
    .map(({ value }) => value);
  return { bench: `${prefix}slowest`, value: Math.max(...values), unit: 'ns/call' };
}

/** Row by row the median of several runs. */
function medianRows(runs: readonly Row[][]): Row[] {
  return (runs[0] ?? []).map((row, i) => {
    const values = runs.map((rows) => rows[i]?.value ?? 0).sort((a, b) => a - b);
    return { ...row, value: values[values.length >> 1] ?? 0 };
  });
}

const bench = bundle('placement.bench.ts');
const load = bundle('placement-load.ts');
for (const [name, flags] of FLAG_SETS) {
  const rows = runScript(bench, flags);
  const slowest = ['placement/packed/512/', 'placement/packed/1024/', 'placement/distributed/16-nodes/'].map((prefix) =>
    slowestRow(rows, prefix),
  );
  const life = medianRows(Array.from({ length: LOAD_RUNS }, () => runScript(load, flags)));
  for (const row of [...slowest, ...life]) {
    process.stdout.write(`${JSON.stringify({ ...row, bench: `placement-flags/${name}/${row.bench}` })}\n`);
  }
}
rmSync(bundles, { recursive: true });
