/**
 * Runs the tests: `unit` (beside the sources, one process), `all` (also `test/`, one process a file), `machine` (those of `test/`
 * that need an emulated machine) or `e2e` (those of `test/e2e/`, which need a cluster); the last two are in no other mode. Arguments
 * after the mode are file name filters. Prints what was skipped and why, last; of end-to-end tests every line, because they take
 * minutes and tell what they measured.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const [mode = 'unit', ...filters] = process.argv.slice(2);
const wanted = (file: string) => filters.length === 0 || filters.some((filter) => file.includes(filter));
const unit = globSync('{src,embedded}/**/*.test.ts').filter(wanted).sort();
const isEndToEnd = (file: string) => file.startsWith('test/e2e/');
const stories = globSync(mode === 'machine' ? 'test/**/*.machine-test.ts' : 'test/**/*.test.ts')
  .filter((file) => wanted(file) && isEndToEnd(file) === (mode === 'e2e'))
  .sort();

/** The last line of a run, as hack/test-reporter.ts writes it. */
const CLOSING_LINE = /^(\d+) passed, (\d+) failed, (\d+) skipped$/;

/**
 * Runs files in one process. Node's own process per file loses results at random when that is told to exit at its end
 * (`--test-force-exit`, 24.21), so that files apart are runs apart.
 */
function runTests(files: readonly string[], stdout: 'inherit' | 'pipe') {
  const reporter = mode === 'e2e' ? 'spec' : './hack/test-reporter.ts';
  const flags = ['--test-isolation=none', '--test-force-exit', `--test-reporter=${reporter}`];
  return spawnSync(process.execPath, ['--test', ...flags, '--test-reporter-destination=stdout', ...files], {
    stdio: ['ignore', stdout, 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
}

/** Runs files one after the other and tells their results as one; true when all passed. */
function runApart(files: readonly string[]): boolean {
  const totals = [0, 0, 0];
  const skipped: string[] = [];
  for (const file of files) {
    const { status, stdout } = runTests([file], 'pipe');
    const lines = stdout.trimEnd().split('\n');
    const counts = CLOSING_LINE.exec(lines.pop() ?? '')
      ?.slice(1)
      .map(Number);
    skipped.push(...lines.filter((line) => line.startsWith('skipped ')));
    process.stdout.write(
      lines
        .filter((line) => line !== '' && !line.startsWith('skipped '))
        .map((line) => `${line}\n`)
        .join(''),
    );
    const [passed = 0, failed = 0, left = 0] = counts ?? [];
    const hasBroken = counts === undefined || (status !== 0 && failed === 0);
    if (hasBroken) console.log(`FAIL ${file}\n  it ended with status ${status}, and no test of it says why`);
    for (const [index, count] of [passed, failed + (hasBroken ? 1 : 0), left].entries()) {
      totals[index] = (totals[index] ?? 0) + count;
    }
  }
  const [passed, failed, left] = totals;
  for (const line of skipped) console.log(line);
  console.log(`${passed} passed, ${failed} failed, ${left} skipped`);
  return failed === 0;
}

function run(): boolean {
  if (mode === 'unit') return runTests(unit, 'inherit').status === 0;
  if (mode === 'e2e') return stories.map((file) => runTests([file], 'inherit').status === 0).every(Boolean);
  if (mode === 'all')
    console.log('skipped: test/e2e needs a cluster of its own: make test-e2e; emulated machines: make test-machine');
  return runApart(stories);
}

process.exit(run() ? 0 : 1);
