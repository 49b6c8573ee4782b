/**
 * Runs the benchmarks of bench/, one after the other. Prints their JSON lines on stdout and nothing else; whatever else they say
 * goes to stderr. They run under the daemon's V8 flags. Arguments are file name filters.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { BUNDLE_FLAGS, START_FLAGS } from './v8-flags.ts';

/** A row of the form that `make bench` promises. */
function isRow(line: string): boolean {
  try {
    const { bench, value, unit } = JSON.parse(line);
    return typeof bench === 'string' && Number.isFinite(value) && typeof unit === 'string';
  } catch {
    return false;
  }
}

/** Runs one benchmark; true when it ended well and measured something. */
async function runBench(file: string): Promise<boolean> {
  process.stderr.write(`${file}\n`);
  const bench = spawn(process.execPath, [...BUNDLE_FLAGS, ...START_FLAGS, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => void bench.once('close', resolve));
  let rows = 0;
  for await (const line of createInterface({ input: bench.stdout })) {
    if (isRow(line)) rows += 1;
    (isRow(line) ? process.stdout : process.stderr).write(`${line}\n`);
  }
  const status = await ended;
  if (status !== 0) process.stderr.write(`${file} failed with ${status}\n`);
  else if (rows === 0) process.stderr.write(`${file} printed no measurement\n`);
  return status === 0 && rows > 0;
}

const filters = process.argv.slice(2);
const files = globSync('bench/*.bench.ts').filter(
  (file) => filters.length === 0 || filters.some((one) => file.includes(one)),
);
const results: boolean[] = [];
for (const file of files.sort()) results.push(await runBench(file));
process.exitCode = results.length > 0 && results.every(Boolean) ? 0 : 1;
